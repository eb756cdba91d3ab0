"""The order of peer ids, and op ids as plain integers that sort the same way.

Op ids are ordered by counter, then by peer id as JavaScript's `localeCompare` orders it in the
root locale. For the characters that ids may have this is: `_` before `-` before digits before
letters, letters first without case, then lower case before upper (Unicode Collation Algorithm
with the CLDR root table, primary then tertiary weights).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

_ALPHABET = "_-0123456789abcdefghijklmnopqrstuvwxyz"
_PRIMARY = {
    ord(letter): index
    for index, lower in enumerate(_ALPHABET, 1)
    for letter in {lower, lower.upper()}
}
LABEL_BITS = 32
_LABEL_MASK = (1 << LABEL_BITS) - 1
_STEP_MAX = 1 << 16


def collation_key(peer: str) -> tuple[str, bytes]:
    """Returns a key that sorts peer ids as `localeCompare` does. `peer` must be a path id."""
    return peer.translate(_PRIMARY), bytes(letter.isupper() for letter in peer)


class PeerLabels:
    """Gives each peer an integer label so that labels sort as their peers do.

    `counter << LABEL_BITS | label`, here called a stamp, then sorts as op ids do, which makes
    comparing and sorting op ids as cheap as comparing integers. Labels are spread over 32 bits;
    a new peer gets one between its neighbours. When there is none left all are spread anew and
    the owner must translate the stamps that it holds.
    """

    def __init__(self) -> None:
        self._keys: list[tuple[str, bytes]] = []
        self._labels: list[int] = []
        self._label_by_peer: dict[str, int] = {}
        self._peer_by_label: dict[int, str] = {}

    def __contains__(self, peer: str) -> bool:
        return peer in self._label_by_peer

    def label(self, peer: str) -> int:
        """Returns the label of a known peer."""
        return self._label_by_peer[peer]

    def stamp(self, counter: int, peer: str) -> int:
        """Returns the op id of a known peer as a sortable integer."""
        return counter << LABEL_BITS | self._label_by_peer[peer]

    def counter_and_peer(self, stamp: int) -> tuple[int, str]:
        """Returns the op id that `stamp` stands for."""
        return stamp >> LABEL_BITS, self._peer_by_label[stamp & _LABEL_MASK]

    def add(self, peers: Iterable[str]) -> dict[int, int] | None:
        """Gives labels to peers that have none.

        Returns None when existing labels stayed as they are, else a map of every old label to
        its new one.
        """
        crowded = False
        for peer in peers:
            if peer not in self._label_by_peer:
                crowded = not self._insert(peer) or crowded
        return self._spread() if crowded else None

    def _insert(self, peer: str) -> bool:
        key = collation_key(peer)
        index = bisect_left(self._keys, key)
        below = self._labels[index - 1] if index else 0
        above = self._labels[index] if index < len(self._labels) else _LABEL_MASK
        label = (below + above) // 2
        if self._labels and index in (0, len(self._labels)):
            # Ids that come in order, as from a sorted list, must not use up the room in halves.
            step = min(label - below, _STEP_MAX)
            label = below + step if index else above - step
        self._keys.insert(index, key)
        self._labels.insert(index, label)
        self._label_by_peer[peer] = label
        if label in (below, above):
            return False
        self._peer_by_label[label] = peer
        return True

    def _spread(self) -> dict[int, int]:
        # Over the middle half: there is room at both ends.
        step = _LABEL_MASK // 2 // (len(self._keys) + 1)
        ordered = sorted(self._label_by_peer, key=collation_key)
        fresh = {peer: _LABEL_MASK // 4 + index * step for index, peer in enumerate(ordered, 1)}
        renamed = {old: fresh[peer] for old, peer in self._peer_by_label.items()}
        self._label_by_peer = fresh
        self._peer_by_label = {label: peer for peer, label in fresh.items()}
        self._labels = [fresh[peer] for peer in ordered]
        return renamed


def translated(stamp: int, renamed: dict[int, int]) -> int:
    """Returns `stamp` with its peer's new label."""
    return stamp & ~_LABEL_MASK | renamed[stamp & _LABEL_MASK]
