"""State vectors: which ops are held, as closed ranges of counters for each peer.

Source: the section "State vectors" of the space format, as reptree 0.9.0 exchanges them:
`{peer: [[first, last], ...]}`, sorted and disjoint. Unlike the original, ours count every op
that is held, losers and waiting ones included.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError

Range = tuple[int, int]
"""First and last counter, both included."""


class _Ranges:
    """The ranges of one peer, in two columns: sorted, disjoint, never touching."""

    __slots__ = ("count", "firsts", "lasts")

    def __init__(self, pairs: Iterable[Range] = ()) -> None:
        self.firsts = array("q")
        self.lasts = array("q")
        self.count = 0
        for first, last in pairs:
            self.firsts.append(first)
            self.lasts.append(last)
            self.count += last - first + 1

    def __iter__(self) -> Iterator[Range]:
        return zip(self.firsts, self.lasts, strict=True)

    def contains(self, counter: int) -> bool:
        index = bisect_left(self.lasts, counter)
        return index < len(self.lasts) and self.firsts[index] <= counter

    def add(self, counter: int) -> bool:
        """Adds one counter; False when it was there."""
        firsts, lasts = self.firsts, self.lasts
        index = bisect_left(lasts, counter)
        if index < len(lasts) and firsts[index] <= counter:
            return False
        self.count += 1
        joins_left = index > 0 and lasts[index - 1] == counter - 1
        joins_right = index < len(firsts) and firsts[index] == counter + 1
        if joins_left and joins_right:
            lasts[index - 1] = lasts[index]
            del firsts[index], lasts[index]
        elif joins_left:
            lasts[index - 1] = counter
        elif joins_right:
            firsts[index] = counter
        else:
            firsts.insert(index, counter)
            lasts.insert(index, counter)
        return True


class StateVector:
    """A set of op ids, compact when peers write in runs."""

    def __init__(self, ranges: Mapping[str, Iterable[Range]] | None = None) -> None:
        self._peers: dict[str, _Ranges] = {}
        for peer, pairs in (ranges or {}).items():
            self.add_ranges(peer, pairs)

    @classmethod
    def from_json(cls, data: object) -> StateVector:
        """Reads the wire form. Raises FormatError; ranges may overlap and stand in any order."""
        if not isinstance(data, dict):
            raise FormatError("a state vector must be an object", code="bad_vector")
        vector = cls()
        for peer, pairs in data.items():
            ids.checked_peer_id(peer)
            if not isinstance(pairs, list):
                raise FormatError("the ranges of a peer must be a list", code="bad_vector")
            vector.add_ranges(peer, [_checked_range(pair) for pair in pairs])
        return vector

    def to_json(self) -> dict[str, list[list[int]]]:
        """Returns the wire form, peers sorted by code point."""
        return {
            peer: [[first, last] for first, last in self._peers[peer]]
            for peer in sorted(self._peers)
            if self._peers[peer].count
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StateVector) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"StateVector({self.to_json()})"

    def __len__(self) -> int:
        """The number of op ids in the set."""
        return sum(ranges.count for ranges in self._peers.values())

    def __contains__(self, op_id: tuple[int, str]) -> bool:
        counter, peer = op_id
        ranges = self._peers.get(peer)
        return ranges is not None and ranges.contains(counter)

    @property
    def peers(self) -> list[str]:
        """The peers that have ops here, sorted by code point."""
        return sorted(peer for peer, ranges in self._peers.items() if ranges.count)

    def ranges(self, peer: str) -> list[Range]:
        """Returns the ranges of one peer, sorted and disjoint."""
        return list(self._peers.get(peer, ()))

    def highest(self, peer: str) -> int:
        """Returns the greatest counter of a peer; 0 when it has none."""
        ranges = self._peers.get(peer)
        return ranges.lasts[-1] if ranges is not None and ranges.count else 0

    def copy(self) -> StateVector:
        """Returns an independent copy."""
        return StateVector({peer: list(ranges) for peer, ranges in self._peers.items()})

    def add(self, peer: str, counter: int) -> bool:
        """Adds one op id; False when it was there. O(log ranges) at the end of a range."""
        ranges = self._peers.get(peer)
        if ranges is None:
            ranges = self._peers[peer] = _Ranges()
        return ranges.add(counter)

    def add_sorted(self, peer: str, counters: Sequence[int]) -> list[int]:
        """Adds counters that are sorted and distinct; returns those that were there before.

        O(ranges + counters), whatever the order in which calls come.
        """
        ranges = self._peers.get(peer)
        if ranges is None or not ranges.count:
            self._peers[peer] = _Ranges(_runs(counters))
            return []
        if len(counters) < 16 or counters[0] > ranges.lasts[-1]:
            return [counter for counter in counters if not ranges.add(counter)]
        known = [counter for counter in counters if ranges.contains(counter)]
        self._peers[peer] = _Ranges(_union(list(ranges), list(_runs(counters))))
        return known

    def add_ranges(self, peer: str, pairs: Iterable[Range]) -> None:
        """Adds whole ranges, in any order."""
        self._peers[peer] = _Ranges(_union(self.ranges(peer), list(pairs)))

    def merge(self, other: StateVector) -> None:
        """Adds everything that `other` holds."""
        for peer, ranges in other._peers.items():
            self.add_ranges(peer, ranges)

    def minus(self, other: StateVector) -> StateVector:
        """Returns what is here and not in `other`."""
        rest = StateVector()
        for peer, ranges in self._peers.items():
            left = list(_difference(list(ranges), other.ranges(peer)))
            if left:
                rest._peers[peer] = _Ranges(left)
        return rest


def _checked_range(pair: object) -> Range:
    if (
        isinstance(pair, list)
        and len(pair) == 2
        and ids.is_counter(pair[0])
        and ids.is_counter(pair[1])
        and pair[0] <= pair[1]
    ):
        return pair[0], pair[1]
    raise FormatError(f"not a range of counters: {ids.shortened(pair)}", code="bad_vector")


def _runs(counters: Iterable[int]) -> Iterator[Range]:
    """Groups sorted distinct counters into runs without gaps."""
    first = last = -1
    for counter in counters:
        if counter != last + 1:
            if first >= 0:
                yield first, last
            first = counter
        last = counter
    if first >= 0:
        yield first, last


def _union(left: list[Range], right: list[Range]) -> Iterator[Range]:
    current: Range | None = None
    for first, last in sorted(left + right):
        if current is None:
            current = first, last
        elif first <= current[1] + 1:
            current = current[0], max(current[1], last)
        else:
            yield current
            current = first, last
    if current is not None:
        yield current


def _difference(left: list[Range], right: list[Range]) -> Iterator[Range]:
    index = 0
    for first, last in left:
        while index < len(right) and right[index][1] < first:
            index += 1
        cursor = index
        while cursor < len(right) and right[cursor][0] <= last:
            if first < right[cursor][0]:
                yield first, right[cursor][0] - 1
            first = right[cursor][1] + 1
            cursor += 1
        if first <= last:
            yield first, last
