"""Merging secrets of two sides, name by name, with what each side was last seen to hold.

What a side says of one name is a value, a tombstone (the SHA-256 of a value that was removed), or
both, the value being the newer one. There are no times and no counters on the wire, so a
merge is three-way: the base tells which side moved since they were last seen to agree. Once a
device has adopted a state, it follows every later one without writing: that is why merges
come to rest. Values that travel in circles all the same are told by `secret_swaps`. Source of
the rules: the sections "Secrets" of the space format and the wire protocol.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple


@dataclass(slots=True)
class SecretSet:
    """Secrets and tombstones; both may stand under one name, the value being the newer one."""

    values: dict[str, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the value that was removed: that value does not come back by itself."""

    def entry(self, name: str) -> Entry:
        """Returns what is said of one name."""
        return Entry(self.values.get(name), self.removed.get(name))

    def put(self, name: str, entry: Entry) -> None:
        """Replaces what is said of one name."""
        for part, said in ((self.values, entry.value), (self.removed, entry.removed)):
            if said is None:
                part.pop(name, None)
            else:
                part[name] = said


class Entry(NamedTuple):
    """What a side says of one name."""

    value: str | None = None
    removed: str | None = None


class Seen(NamedTuple):
    """The fingerprints of what a side was last seen to say of one name."""

    value: str | None = None
    removed: str | None = None


NEVER_SEEN = Seen()


def fingerprint(value: str) -> str:
    """Returns the SHA-256 of a secret, as tombstones hold it."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def set_again(value: str) -> str:
    """Returns the tombstone beside a value that was removed and then set again by a person.

    It takes the place of the value's own, which would remove it wherever it arrives.
    """
    return hashlib.sha256(b"set again:" + fingerprint(value).encode()).hexdigest()


def with_value(entry: Entry, value: str | None) -> Entry:
    """Returns the entry after a person set `value`, or removed the name with None."""
    if value is None:
        return entry if entry.value is None else Entry(None, fingerprint(entry.value))
    if entry.removed == fingerprint(value):
        return Entry(value, set_again(value))
    return Entry(value, entry.removed)


def merged(
    mine: SecretSet,
    theirs: SecretSet,
    base: Mapping[str, Seen],
    *,
    prefer_theirs: bool,
    contested: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> SecretSet:
    """Merges name by name; a name that is absent changes nothing.

    `base` tells what the other side was last seen to hold: what did not change there since is
    older than what is here. Where both changed, `prefer_theirs` decides. Of two values that are
    `contested`, as fingerprints by name, the one with the greater fingerprint stands.
    """
    result = SecretSet(dict(mine.values), dict(mine.removed))
    for name in {**theirs.values, **theirs.removed}:
        mine_said, theirs_said = mine.entry(name), theirs.entry(name)
        seen, disputed = base.get(name, NEVER_SEEN), contested.get(name, frozenset())
        result.put(name, _merged(mine_said, theirs_said, seen, prefer_theirs, disputed))
    return result


def _merged(
    mine: Entry, theirs: Entry, seen: Seen, prefer_theirs: bool, contested: frozenset[str]
) -> Entry:
    removed = _newer_tombstone(mine.removed, theirs.removed, seen.removed)
    if mine.value == theirs.value:
        return Entry(mine.value, removed)
    if theirs.value is None:
        return _merged_without_theirs(mine, theirs, seen, removed)
    theirs_print = fingerprint(theirs.value)
    if mine.value is None:
        is_older = mine.removed is not None and theirs_print in (mine.removed, seen.value)
        if is_older and not _is_set_again(theirs, seen):
            # The tombstone of this very value, whatever stood here: it ends the value everywhere.
            return Entry(None, theirs_print)
        return Entry(theirs.value, removed)
    mine_print = fingerprint(mine.value)
    if theirs_print == mine.removed and not _is_set_again(theirs, seen):
        takes_theirs = False
    elif mine_print == theirs.removed and theirs.removed != seen.removed:
        takes_theirs = True
    elif {mine_print, theirs_print} <= contested:
        takes_theirs = theirs_print > mine_print
    elif theirs_print == seen.value:
        takes_theirs = False
    else:
        takes_theirs = prefer_theirs or mine_print == seen.value
    return _living(theirs.value if takes_theirs else mine.value, removed)


def _merged_without_theirs(mine: Entry, theirs: Entry, seen: Seen, removed: str | None) -> Entry:
    """Tells a removal that is news here from a side that merely lost the value."""
    assert mine.value is not None, "the values differ"
    is_news = theirs.removed not in (None, seen.removed)
    if is_news and fingerprint(mine.value) in (theirs.removed, seen.value):
        return Entry(None, theirs.removed)
    return _living(mine.value, removed)


def _living(value: str, removed: str | None) -> Entry:
    """Keeps a value that stands from being ended by the tombstone beside it."""
    return Entry(value, set_again(value) if removed == fingerprint(value) else removed)


def _is_set_again(theirs: Entry, seen: Seen) -> bool:
    assert theirs.value is not None, "asked of a value only"
    return theirs.removed == set_again(theirs.value) != seen.removed


def _newer_tombstone(mine: str | None, theirs: str | None, seen: str | None) -> str | None:
    if mine is None or theirs is None:
        return mine or theirs
    is_only_theirs_new = mine == seen != theirs
    return theirs if is_only_theirs_new else mine
