"""How numbers of things are put into words."""

from __future__ import annotations

_OF_ONE = {"are": "is", "were": "was"}


def counted(count: int, noun: str, verb: str = "") -> str:
    """For example `1 op`, `12,480 ops`; with a verb `1 file is`, `2 files are`.

    The verb is given as of many.
    """
    if count == 1:
        verb = _OF_ONE.get(verb, verb and f"{verb}s")
    else:
        noun = f"{noun}s"
    return f"{count:,} {noun} {verb}".rstrip()
