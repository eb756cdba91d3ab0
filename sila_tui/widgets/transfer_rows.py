"""The rows of the sync status about files: what is on its way, and what stays on the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.transfers import bar
from sila_tui.words import counted, size, sparkline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sila_tui.facts import SpaceFacts
    from sila_tui.session import Session

FILES_MAX = 5
"""Files that are listed of each direction."""
BAR_WIDTH = 12

Row = tuple[str, str, str, str]
"""Layer, state, what it holds and what is said."""


def file_rows_of(space: SpaceFacts, session: Session) -> Iterator[Row]:
    """What there is to say about the files of a space."""
    transfers, symbols = session.transfers, session.symbols
    graph = transfers.graph(space.id)
    for way in transfers.of_space(space.id):
        drawn = f"  {sparkline(graph, symbols)}" if any(graph) else ""
        said = f"{way.words(symbols)}{drawn}"
        yield way.sentence, "syncing", counted(way.files, "file"), said
        moving = transfers.files_of(way)
        for one in moving[:FILES_MAX]:
            share = "" if one.share is None else f"{one.share:.0%} "
            drawn = "" if one.share is None else bar(one.share, BAR_WIDTH, symbols)
            yield f"  {transfers.name_of(one)}", "", drawn, f"{share}{one.words(symbols)}"
        if len(moving) > FILES_MAX:
            yield "", "", "", f"and {len(moving) - FILES_MAX} more at once"
    if space.files_away:
        said = f"{size(space.bytes_away)} on the servers only"
        yield "away", "offline", counted(space.files_away, "file"), said
    if not space.fetch.is_everything:
        yield "fetches", "unknown", "", space.fetch.words
