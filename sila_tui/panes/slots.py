"""One or two places for panes, side by side or one above the other; one of them is active."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.widgets import ContentSwitcher, Static

from sila_tui.jobs import run_job
from sila_tui.panes.pane import Pane
from sila_tui.theme import palette
from sila_tui.view_memory import text
from sila_tui.widgets.below import below
from sila_tui.widgets.filter_line import FilterLine
from sila_tui.widgets.lines import line

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sila_tui.outline import Item
    from sila_tui.view_memory import ViewMemory

TIGHT = 70
"""Below this width a pane beside another one shows one thing at a time."""
SHARE_MIN, SHARE_STEP = 20, 5
"""Percent of the room."""

MakePanes = Callable[[], Iterable[Pane]]
"""Makes one pane of each kind."""


class PaneSlot(Vertical):
    """Shows one part of a space at a time, in the pane that fits it."""

    def __init__(self, make_panes: MakePanes, memory: ViewMemory, said: str = "opening …") -> None:
        super().__init__()
        self._memory = memory
        self._make_panes = make_panes
        self._said = said
        self.shown: Item | None = None
        self._titled = Text("")

    def compose(self) -> ComposeResult:
        """Builds the title, which is seen beside another slot only, above the panes."""
        yield Static("", classes="slot-title")
        with ContentSwitcher(initial="nothing"):
            yield Static(self._said, id="nothing", markup=False)
            yield from self._make_panes()

    @property
    def pane(self) -> Pane | None:
        """The pane in front; None also while the slot is taken down, from its panes on."""
        front = self._front
        return next((pane for pane in below(self, Pane) if pane.id == front), None)

    @property
    def _front(self) -> str | None:
        return next((switcher.current for switcher in below(self, ContentSwitcher)), None)

    async def open(self, item: Item) -> Pane | None:
        """Shows a part in its pane. Raises SilaError."""
        pane = self.query_one(f"#pane-{item.view}", Pane)
        if self.shown is not None and self.pane is not None:
            self._memory.note_part(self.shown, self.pane.all_kept())
        await pane.open(item.tree)
        state = self._memory.part(item)
        words, rows = text(state.get("filter")), pane.filtered
        if words and rows is not None:
            self.screen.query_one(FilterLine).bring_back(rows, words)
        if state:
            await pane.take_back(state)
        self.shown = item
        self.query_one(ContentSwitcher).current = f"pane-{item.view}"
        return self.pane

    def tell_gone(self, *, is_gone: bool) -> None:
        """Has the pane say whether what it shows was deleted meanwhile."""
        if self.pane is not None:
            self.pane.tell_gone(is_gone=is_gone)

    def say(self, words: str) -> None:
        """Says why nothing is shown."""
        self.query_one("#nothing", Static).update(words)

    def draw_title(self, *, is_active: bool, is_split: bool) -> None:
        """Names what is shown; the active slot has the sign of the cursor."""
        if not self.query(".slot-title"):
            # Focus also moves while a slot is built or taken down.
            return
        look = palette(self.app.theme)
        sign, style = (">", look.strong + look.accent) if is_active else (" ", look.dim)
        title = self.shown.title if self.shown else ""
        words = line((f"{sign} {title}", style)) if is_split else Text("")
        if words != self._titled:
            self._titled = words
            self.query_one(".slot-title", Static).update(words)
        self.set_class(is_split and self.size.width < TIGHT, "-tight")


class Slots(Container):
    """Holds the slots, knows which is active, and how the room is shared."""

    DEFAULT_CSS = """
    Slots { layout: horizontal; width: 1fr; height: 1fr; }
    Slots PaneSlot { width: 1fr; height: 1fr; }
    Slots .slot-title { display: none; height: 1; padding: 0 1; }
    Slots.-split .slot-title { display: block; }
    Slots PaneSlot.-second { border-left: solid $border; }
    Slots ContentSwitcher { width: 1fr; height: 1fr; }
    Slots #nothing { content-align: center middle; color: $dim; width: 1fr; height: 1fr; }
    Slots.-stacked { layout: vertical; }
    Slots.-stacked PaneSlot.-second { border-left: none; border-top: solid $border; }
    PaneSlot.-tight FilePreview { display: none; border-left: none; }
    PaneSlot.-tight .-previewing FilePreview { display: block; }
    PaneSlot.-tight .-previewing FileList { display: none; }
    PaneSlot.-tight TreePane { grid-size: 1 2; grid-columns: 1fr; grid-rows: 3fr 2fr; }
    PaneSlot.-tight TreePane #vertex {
        border-left: none; border-top: solid $border; padding-left: 0;
    }
    """

    BINDING_GROUP_TITLE = "Panes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("vertical_line", "split", "Split", show=False),
        Binding("ctrl+w", "close_pane", "Close this pane", show=False),
        Binding("backslash", "other_pane", "Other pane", show=False),
        Binding("greater_than_sign", "resize(1)", "More room for this pane", show=False),
        Binding("less_than_sign", "resize(-1)", "Less room for this pane", show=False),
    ]

    class Changed(Message):
        """Another slot is active, or it shows something else."""

    def __init__(self, make_panes: MakePanes, memory: ViewMemory) -> None:
        super().__init__(id="slots")
        self._memory = memory
        self._make_panes = make_panes
        self._active = 0
        self.share = 50
        """Percent that the first slot has of the room."""

    def compose(self) -> ComposeResult:
        """Builds the first slot."""
        yield PaneSlot(self._make_panes, self._memory)

    @property
    def all(self) -> list[PaneSlot]:
        """The slots in their order."""
        return [child for child in self.children if isinstance(child, PaneSlot)]

    @property
    def is_split(self) -> bool:
        """Whether there are two."""
        return len(self.all) > 1

    @property
    def active(self) -> PaneSlot:
        """The slot that keys and commands are about."""
        slots = self.all
        return slots[min(self._active, len(slots) - 1)]

    async def show_beside(self, item: Item) -> None:
        """Shows a part in the other slot, which is made where there is none. Raises SilaError."""
        if self.is_split:
            self._active = 1 - self._active
        else:
            slot = PaneSlot(self._make_panes, self._memory)
            slot.add_class("-second")
            await self.mount(slot)
            self._active = 1
            self._share_room()
        await self.active.open(item)
        self._enter()

    def _enter(self) -> None:
        self.post_message(self.Changed())
        if self.active.pane is not None:
            self.active.pane.enter()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers what can be done with one, or with two."""
        if action in ("close_pane", "other_pane", "resize"):
            return self.is_split
        return not self.is_split if action == "split" else True

    def action_split(self) -> None:
        """Shows the same once more; what is chosen next goes into the new slot."""
        shown = self.active.shown
        if shown is not None:
            run_job(self, lambda: self.show_beside(shown), group="split")

    def action_close_pane(self) -> None:
        """Closes the active slot; what was written in it stays as a draft."""

        async def job() -> None:
            await self.active.remove()
            self._active = 0
            self.active.remove_class("-second")
            self._share_room()
            self._enter()

        run_job(self, job, group="split")

    def action_other_pane(self) -> None:
        """Goes to the other slot."""
        self._active = 1 - self._active
        self._enter()

    def action_resize(self, step: int) -> None:
        """Gives the active slot more of the room, or less."""
        wish = self.share + (-step if self._active else step) * SHARE_STEP
        self.share = max(SHARE_MIN, min(100 - SHARE_MIN, wish))
        self._share_room()

    def _share_room(self) -> None:
        slots = self.all
        self.set_class(len(slots) > 1, "-split")
        is_stacked = self.screen.has_class("-narrow")
        self.set_class(is_stacked and len(slots) > 1, "-stacked")
        for slot, share in zip(slots, (self.share, 100 - self.share), strict=False):
            part = f"{share if len(slots) > 1 else 1}fr"
            slot.styles.width, slot.styles.height = ("1fr", part) if is_stacked else (part, "1fr")
        self.draw()

    def draw(self) -> None:
        """Draws the titles."""
        for slot in self.all:
            slot.draw_title(is_active=slot is self.active, is_split=self.is_split)

    def on_resize(self) -> None:
        """Shares the room anew: side by side may have become one above the other."""
        self._share_room()

    @on(events.DescendantFocus)
    def focus_moved(self, event: events.DescendantFocus) -> None:
        """Takes the slot that has the keys as the active one."""
        for at, slot in enumerate(self.all):
            if slot in event.widget.ancestors:
                self._active = at
        self.post_message(self.Changed())
