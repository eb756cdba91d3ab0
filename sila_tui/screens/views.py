"""What of a space's screen is remembered, and how it is brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.view_memory import State, text
from sila_tui.widgets.below import below
from sila_tui.widgets.sidebar import Sidebar

if TYPE_CHECKING:
    from sila_tui.outline import Item, Outline
    from sila_tui.screens.space import SpaceScreen
    from sila_tui.view_memory import ViewMemory

KEEP_S = 1.0
"""How often it is looked at what there is to remember; a kill loses no more than that."""


def note(screen: SpaceScreen, memory: ViewMemory) -> None:
    """Remembers how the screen stands."""
    if not screen.is_whole:
        return
    slots = screen.slots
    shown = [slot for slot in slots.all if slot.shown is not None]
    if not shown:
        return
    for slot in shown:
        if slot.shown is not None and slot.pane is not None and below(slot.pane, slot.pane.MAIN):
            memory.note_part(slot.shown, slot.pane.all_kept())
    memory.note_space(
        {
            "slots": [[slot.shown.view, slot.shown.tree] for slot in shown if slot.shown],
            "active": slots.all.index(slots.active),
            "share": slots.share,
            "reading": screen.has_class("-reading"),
            "trees": screen.query_one(Sidebar).has_trees,
        }
    )


async def bring_back(screen: SpaceScreen, state: State) -> bool:
    """Shows what was shown; False when nothing of it is there any more. Raises SilaError."""
    screen.query_one(Sidebar).unfold_trees(state.get("trees") is True)
    items = _items(screen.outline, state.get("slots"))
    if not items:
        return False
    share = state.get("share")
    screen.slots.share = share if isinstance(share, int) and 0 < share < 100 else 50
    await screen.open(items[0])
    for item in items[1:]:
        await screen.slots.show_beside(item)
    if len(items) > 1 and state.get("active") == 0:
        screen.slots.action_other_pane()
    if state.get("reading") is True:
        screen.add_class("-reading")
        pane = screen.slots.active.pane
        if pane is not None:
            pane.enter()
    return True


def _items(outline: Outline, slots: object) -> list[Item]:
    """The parts that were shown and are still there."""
    known = {(item.view, item.tree): item for item in outline.items(with_trees=True) if item.view}
    pairs = slots if isinstance(slots, list) else []
    found = [
        known.get((text(pair[0]), text(pair[1])))
        for pair in pairs[:2]
        if isinstance(pair, list) and len(pair) == 2
    ]
    return [item for item in found if item is not None and item.view != "trees"]
