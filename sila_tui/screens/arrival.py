"""Where a person begins in a space: at a part, at a vertex, else at the first chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.places import find_part
from sila_tui.screens.views import bring_back

if TYPE_CHECKING:
    from sila_tui.goal import Goal
    from sila_tui.screens.space import SpaceScreen

GONE = "That is no longer there"


async def arrive(screen: SpaceScreen, goal: Goal, part: str) -> None:
    """Opens what is wanted; `part` is a title in the words of a command. Raises SilaError."""
    if part:
        screen.show(find_part(screen.outline, part))
        return
    if not goal.tree and not goal.view and await bring_back(screen, screen.views.space()):
        return
    first = goal.begin(screen.outline)
    if first is None and goal.tree:
        screen.app.notify(GONE, timeout=4)
        first = screen.outline.first("")
    if first is None:
        screen.slots.active.say("No chats yet.   n new chat")
        return
    await screen.open(first)
    if goal.vertex:
        await reach(screen, goal)


async def reach(screen: SpaceScreen, goal: Goal) -> None:
    """Goes to a vertex, where it still is. Raises SilaError."""
    pane = await goal.reach(screen.slots.active.pane, screen.outline, screen.open)
    if pane is None:
        screen.app.notify(GONE, timeout=4)
        return
    screen.add_class("-reading")
    pane.enter()
