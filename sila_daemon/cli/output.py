"""What commands print: a result on stdout, an error with its hint, progress on stderr.

With `--json` stdout carries exactly one document. For people it is plain text when stdout is no
terminal, else rich renders it, obeying NO_COLOR.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TextIO

if TYPE_CHECKING:
    from rich.console import Console

    from sila_daemon.core.errors import SilaError

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Step(Protocol):
    """Tells how far a piece of long work is."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Notes that `done` of `total` are done; `what` names what is counted."""
        ...


class Output:
    """Where one command prints to."""

    def __init__(self, *, as_json: bool, stdout: TextIO, stderr: TextIO) -> None:
        self.as_json = as_json
        self._stdout = stdout
        self._stderr = stderr

    @property
    def is_terminal(self) -> bool:
        """Whether a person is likely to read stdout as it comes."""
        return self._stdout.isatty()

    def result(self, data: Any, lines: Iterable[str] = ()) -> None:
        """Prints a result: `data` in the envelope with `--json`, else `lines` for people."""
        if self.as_json:
            self._write_json({"ok": True, "data": data})
        else:
            for line in lines:
                self.line(line)

    def line(self, text: str = "", style: str = "") -> None:
        """Prints one line for people; what could steer the terminal is made visible."""
        if self.is_terminal and style:
            self._console(self._stdout).print(safe(text), style=style, markup=False)
        else:
            self._stdout.write(safe(text) + "\n")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Prints columns for people, a line for each row; tabs part them when it is no terminal."""
        cleaned = [[one_line(cell) for cell in row] for row in rows]
        if not self.is_terminal:
            for row in cleaned:
                self._stdout.write("\t".join(row) + "\n")
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(*headings, box=None, pad_edge=False, header_style="bold")
        for row in cleaned:
            table.add_row(*(Text(cell) for cell in row))
        self._console(self._stdout).print(table)

    def raw(self, pieces: Iterable[bytes]) -> None:
        """Writes bytes to stdout as they are."""
        self._stdout.flush()
        binary: BinaryIO = self._stdout.buffer
        for piece in pieces:
            binary.write(piece)
        binary.flush()

    def note(self, text: str) -> None:
        """Says something beside the result, on stderr."""
        self._stderr.write(safe(text) + "\n")

    def error(self, error: SilaError) -> None:
        """Prints an error: in the envelope with `--json`, else as a sentence and a next step."""
        if self.as_json:
            details = {"code": error.code, "message": error.message, "hint": error.hint}
            self._write_json({"ok": False, "error": details})
            return
        message = sentence(error.message)
        if self._stderr.isatty():
            self._console(self._stderr).print(safe(message), style="red", markup=False)
        else:
            self._stderr.write(safe(message) + "\n")
        if error.hint:
            self._stderr.write(safe(sentence(error.hint)) + "\n")

    @property
    def shows_progress(self) -> bool:
        """Whether somebody looks at stderr."""
        return self._stderr.isatty()

    @contextmanager
    def progress(self) -> Iterator[Step]:
        """Yields a function to call as work goes on; shows it on stderr if that is a terminal."""
        if not self._stderr.isatty():
            yield lambda what, done, total: None
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        with Progress(*columns, console=self._console(self._stderr), transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda what, done, total: bar.update(
                task, description=what, completed=done, total=total
            )

    def _console(self, stream: TextIO) -> Console:
        from rich.console import Console

        return Console(file=stream, highlight=False, soft_wrap=True)

    def _write_json(self, document: Any) -> None:
        self._stdout.write(json.dumps(document, ensure_ascii=False).translate(_ESCAPES) + "\n")


_ESCAPES = {code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)}
"""Lone surrogates cannot be written as UTF-8; in JSON they stay what they are as escapes."""


def safe(text: str) -> str:
    """Returns text for a terminal: control characters become U+FFFD, newlines stay."""
    return _CONTROL.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Returns text that stays in its line and column: a name could forge another row."""
    return safe(" ".join(re.split(r"[\t\n\v\f\r\x85\u2028\u2029]", text)))


def sentence(text: str) -> str:
    """Begins with a capital, unless it begins with an address, a path or the name of a setting."""
    first = text.partition(" ")[0]
    return text if re.search(r"[.:/]\S", first) else text[:1].upper() + text[1:]


def standard_output(*, as_json: bool) -> Output:
    """Makes an output on the process's own streams, in UTF-8 whatever the locale says."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")
    return Output(as_json=as_json, stdout=sys.stdout, stderr=sys.stderr)


def silence_stdout() -> None:
    """Points stdout at nothing, so that the interpreter's last flush cannot fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
