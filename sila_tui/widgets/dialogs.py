"""Small windows over a screen that ask for a few words or for a yes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from sila_tui.local_paths import complete
from sila_tui.widgets.path_line import PathCandidates, PathLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult
    from textual.widget import Widget


@dataclass(frozen=True)
class Field:
    """One line that a form asks for."""

    key: str
    label: str
    value: str = ""
    example: str = ""
    is_secret: bool = False
    is_required: bool = True
    is_path: bool = False
    """Completed by tab, and made absolute, unless it is an address."""
    is_folder: bool = False
    """Of paths, only folders are meant."""
    choices: tuple[str, ...] = ()
    """The words that are taken; any when there are none."""


class FormDialog(ModalScreen[dict[str, str] | None]):
    """Asks for some lines; gives them by key, or None when a person thinks better of it."""

    DEFAULT_CSS = """
    FormDialog { align: center middle; }
    FormDialog > Vertical {
        width: 64; max-width: 90%; height: auto; max-height: 90%;
        padding: 1 3; background: $panel;
    }
    FormDialog .title { text-style: bold; margin-bottom: 1; }
    FormDialog .label, FormDialog .hint { color: $dim; }
    FormDialog .wrong { color: $error; height: auto; }
    FormDialog Input { height: 1; border: none; padding: 0 1; margin-bottom: 1; }
    FormDialog Input { background: $field; }
    FormDialog Input:focus { border: none; background: $field; }
    """
    BINDING_GROUP_TITLE = "Dialog"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("down", "app.focus_next", "Next line", show=False),
        Binding("up", "app.focus_previous", "Line before", show=False),
    ]

    def __init__(self, title: str, fields: list[Field], hint: str = "") -> None:
        super().__init__()
        self._heading = title
        self._fields = fields
        self._hint = hint

    def compose(self) -> ComposeResult:
        """Builds a label and a line for each field."""
        with Vertical():
            yield Label(self._heading, classes="title", markup=False)
            for field in self._fields:
                yield Label(field.label, classes="label", markup=False)
                yield from _lines(field)
            yield Label("", classes="wrong", markup=False)
            note = f"{self._hint}\n" if self._hint else ""
            yield Label(f"{note}enter done   esc cancel", classes="hint", markup=False)

    @on(Input.Submitted)
    def submitted(self) -> None:
        """Goes to the next line that lacks something, and ends after the last."""
        values = {}
        for field in self._fields:
            box = self.query_one(f"#field-{field.key}", Input)
            value = box.value if field.is_secret else box.value.strip()
            said = _what_is_wrong(field, value)
            if said:
                # Enter goes on to the next line first; only staying on a bad one is a mistake.
                self.query_one(".wrong", Label).update(said if box.has_focus or value else "")
                box.focus()
                return
            if field.is_path and value and "://" not in value:
                value = str(Path(value).expanduser().absolute())
            values[field.key] = value
        self.dismiss(values)


class ConfirmDialog(ModalScreen[bool]):
    """Asks whether something is meant that could lose a lot; only `y` says yes."""

    DEFAULT_CSS = """
    ConfirmDialog { align: center middle; }
    ConfirmDialog > Vertical {
        width: 64; max-width: 90%; height: auto; max-height: 90%;
        padding: 1 3; background: $panel;
    }
    ConfirmDialog .title { text-style: bold; margin-bottom: 1; width: 1fr; }
    ConfirmDialog .hint { color: $dim; }
    """
    BINDING_GROUP_TITLE = "Dialog"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("escape,n,q,enter", "dismiss(False)", "No"),
    ]

    def __init__(self, question: str, meaning: str = "yes") -> None:
        super().__init__()
        self._question = question
        self._meaning = meaning

    def compose(self) -> ComposeResult:
        """Builds the question above its two keys."""
        with Vertical():
            yield Label(self._question, classes="title", markup=False)
            yield Label(f"y {self._meaning}   esc no", classes="hint", markup=False)


def _lines(field: Field) -> Iterator[Widget]:
    """The line of a field, and the place for what its path may become."""
    below: list[Widget] = []
    if field.is_path:
        rows = PathCandidates()
        below.append(rows)
        box: Input = PathLine(field.value, rows, partial(complete, only_folders=field.is_folder))
    else:
        box = Input(field.value, password=field.is_secret)
    box.id = f"field-{field.key}"
    box.placeholder = field.example and f"for example {field.example}"
    box.cursor_blink = False
    yield box
    yield from below


def _what_is_wrong(field: Field, value: str) -> str:
    if field.is_required and not value:
        return f"{field.label} is needed"
    if field.choices and value not in field.choices:
        return f"It is one of: {', '.join(field.choices)}"
    return ""
