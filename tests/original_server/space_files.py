"""The op files of one space as the original server writes and reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tests.original_server.replica import WireOp

_DAY = "2026/11/21"


class Files(Protocol):
    """Where files are."""

    def append(self, path: str, text: str) -> None:
        """Adds to a file, which is made if need be."""
        ...

    def read(self) -> Iterator[tuple[str, str]]:
        """Yields each file's path and text, in the order of their paths."""
        ...


class FolderFiles:
    """Files in a folder. A path that leads out of it does just that, as the original lets it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def append(self, path: str, text: str) -> None:
        """Adds to a file, which is made if need be."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("a", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(text)

    def read(self) -> Iterator[tuple[str, str]]:
        """Yields each file's path and text, in the order of their paths."""
        for place in sorted(self.root.rglob("*.jsonl")):
            text = place.read_text(encoding="utf-8", errors="surrogatepass")
            yield str(place.relative_to(self.root)), text


class MemoryFiles:
    """Files that a test keeps over the end of a process."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def append(self, path: str, text: str) -> None:
        """Adds to a file, which is made if need be."""
        self.texts[path] = self.texts.get(path, "") + text

    def read(self) -> Iterator[tuple[str, str]]:
        """Yields each file's path and text, in the order of their paths."""
        yield from sorted(self.texts.items())


def line_of(tree_id: str, op: WireOp) -> tuple[str, str]:
    """Returns the file of an op and its line there; keys are written as they are."""
    kind = "p" if "key" in op else "m"
    path = f"{tree_id[:2]}/{tree_id[2:]}/{_DAY}/{op['id']['peerId']}-{kind}.jsonl"
    counter, target = op["id"]["counter"], json.dumps(op["targetId"])
    if kind == "m":
        return path, f"[{counter},{target},{json.dumps(op.get('parentId'))}]\n"
    value = json.dumps(op["value"]) if "value" in op else "{}"
    return path, f'[{counter},{target},"{op["key"]}",{value}]\n'


def ops_in(files: Files) -> Iterator[tuple[str, WireOp]]:
    """Yields all ops with their trees, moves first; lines that do not parse are passed over."""
    found = [(path, line) for path, text in files.read() for line in text.split("\n")]
    for kind in ("-m.jsonl", "-p.jsonl"):
        for path, line in found:
            if path.endswith(kind) and line:
                op = _op(path, line)
                if op is not None:
                    yield "".join(path.split("/")[:2]), op


def _op(path: str, line: str) -> WireOp | None:
    name = path.rpartition("/")[2]
    try:
        row: list[Any] = json.loads(line)
    except ValueError:
        return None
    op: WireOp = {"id": {"counter": row[0], "peerId": name[:-8]}, "targetId": row[1]}
    if name.endswith("-m.jsonl"):
        return op | {"parentId": row[2]}
    op |= {"key": row[2], "transient": False}
    return op if row[3] in ({}, []) else op | {"value": row[3]}
