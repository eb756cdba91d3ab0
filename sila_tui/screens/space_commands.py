"""The commands of one space: its parts and places; what is in front does the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.commanded import Commanded
from sila_tui.jobs import run_job
from sila_tui.places import find_part, find_place, part_choices
from sila_tui.screens.arrival import reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sila_tui.facts import SpaceFacts
    from sila_tui.screens.space import SpaceScreen

OWN = frozenset({"show", "goto", "split", "chat"})


class SpaceCommands(Commanded):
    """Goes to places of the space that a screen shows."""

    def __init__(self, screen: SpaceScreen) -> None:
        self._screen = screen

    @property
    def space_at_hand(self) -> SpaceFacts | None:
        """The one that is shown."""
        return self._screen.sila.session.space(self._screen.reader.space_id)

    def takes(self) -> frozenset[str]:
        """Its own and those of the pane in front."""
        pane = self._screen.slots.active.pane
        own = OWN | {"rename"} if self._screen.chats.at_hand is not None else OWN
        return own | pane.takes() if pane is not None else own

    def take(self, name: str, given: Mapping[str, str]) -> None:
        """Does one here or in the pane in front."""
        screen = self._screen
        if name == "show":
            screen.show(find_part(screen.outline, given["PART"]))
        elif name == "split":
            item = find_part(screen.outline, given["PART"])
            screen.add_class("-reading")
            run_job(screen, lambda: screen.slots.show_beside(item), group="show")
        elif name == "goto":
            run_job(screen, lambda: self._go_to(given["PLACE"]), group="show")
        elif name == "chat":
            screen.chats.make(given["NAME"])
        elif name == "rename" and screen.chats.at_hand is not None:
            screen.chats.rename(screen.chats.at_hand, given["NAME"])
        elif (pane := screen.slots.active.pane) is not None:
            pane.take(name, given)

    def choices(self, kind: str) -> list[tuple[str, str]]:
        """The parts of the space."""
        return part_choices(self._screen.outline) if kind == "part" else []

    async def _go_to(self, place: str) -> None:
        screen = self._screen
        front = screen.slots.active.shown
        shown = front.tree if front else ""
        goal = await find_place(screen.reader, screen.outline, shown, place)
        item = goal.begin(screen.outline)
        if item is not None and not goal.vertex:
            screen.show(item)
            return
        if item is not None and shown != goal.tree:
            await screen.open(item)
        await reach(screen, goal)
