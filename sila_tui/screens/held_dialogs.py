"""What is asked about changes that would take much away: whether they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_tui.facts import moment, place_name, rows, text_of, whole
from sila_tui.widgets.pick import PickDialog
from sila_tui.words import ago, counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sila_tui.app import SilaApp
    from sila_tui.facts import SpaceFacts

NOT_NOW = ("not now", "they go on waiting")


class HeldDialogs:
    """Each method says what is held, asks, and has the daemon do it. They raise SilaError."""

    def __init__(self, app: SilaApp) -> None:
        self._app = app

    async def accept(self, space: SpaceFacts) -> None:
        """Lets the changes happen."""
        question = await self._question(space)
        answers = [("let them happen", "here and everywhere"), NOT_NOW]
        if await self._app.push_screen_wait(PickDialog(question, answers)) == 0:
            await self._decide("held.accept", space, "let through")

    async def refuse(self, space: SpaceFacts) -> None:
        """Undoes the changes everywhere, or leaves them out here."""
        question = await self._question(space)
        answers = [
            ("undo them everywhere", "by new changes of yours"),
            ("leave them out here", "others keep them"),
            NOT_NOW,
        ]
        picked = await self._app.push_screen_wait(PickDialog(question, answers))
        if picked == 0:
            await self._decide("held.undo", space, "to undo them")
        elif picked == 1:
            await self._decide("held.refuse", space, "left out here")

    async def _question(self, space: SpaceFacts) -> str:
        answer = await self._app.link.call("held.list", space=space.id)
        waiting = [row for row in rows(answer.get("held")) if row.get("refusedAt") is None]
        said = [self._said(row) for row in waiting] or ["Nothing waits any more"]
        return "\n".join([f"{space.title}: much would be taken away", *said])

    def _said(self, row: Mapping[str, Any]) -> str:
        """About what a hold is, in one line."""
        source = text_of(row.get("source"))
        at = moment(row.get("at"))
        kinds = (("deletions", "deletion"), ("moves", "move"), ("properties", "value"))
        parts = [counted(whole(row.get(key)), what) for key, what in kinds if row.get(key)]
        share = f"{whole(row.get('vertices')):,} of {whole(row.get('ofVertices')):,} things"
        since = f", {ago(self._app.session.now() - at)}" if at else ""
        origin = "the folder" if source == "folder" else place_name(source)
        return f"{share}: {', '.join(parts)} from {origin}{since}"

    async def _decide(self, method: str, space: SpaceFacts, said: str) -> None:
        answer = await self._app.link.call(method, space=space.id)
        self._app.link.refresh()
        self._app.notify(f"{counted(whole(answer.get('ops')), 'change')} {said}", markup=False)
