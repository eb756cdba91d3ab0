"""What is inside one space, as the daemon answers it: trees, chats, files, vertices.

Read as tolerantly as `facts`, by the same rules.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, overload

from sila_tui.facts import moment, rows, text_of, whole
from sila_tui.words import clean, clean_lines


@dataclass(frozen=True)
class TreeFacts:
    """One tree of a space."""

    id: str
    app_id: str
    name: str
    role: str
    vertices: int

    @property
    def title(self) -> str:
        """The name, else what the tree is for, else the first characters of its id."""
        return self.name or self.app_id or self.id[:8]

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> TreeFacts:
        """Reads one element of `tree.list`."""
        return cls(
            text_of(row.get("id")),
            text_of(row.get("appId")),
            text_of(row.get("name")),
            text_of(row.get("role")),
            whole(row.get("vertices")),
        )


@dataclass(frozen=True)
class ChatEntry:
    """One chat in the list of a space."""

    tree: str
    title: str
    messages: int

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> ChatEntry:
        """Reads one element of `chat.list`."""
        title = text_of(row.get("title")) or "untitled"
        return cls(text_of(row.get("tree")), title, whole(row.get("messages")))


@dataclass(frozen=True)
class ToolUse:
    """One tool call of a message; empty is what the message does not have."""

    name: str
    arguments: str
    result: str
    is_cut: bool
    """Whether there is more than what is here."""
    is_asked: bool
    """Whether this message asked for it; else it has the result of what another one asked."""

    @classmethod
    def read_all(cls, row: Mapping[str, Any]) -> tuple[ToolUse, ...]:
        """Reads `toolCalls` of a message; of a daemon without them the names in `tools`."""
        if "toolCalls" not in row:
            names = _names(row.get("tools"))
            return tuple(cls(name, "", "", is_cut=False, is_asked=True) for name in names)
        return tuple(
            cls(
                text_of(call.get("name")),
                _laid_out(call.get("arguments")),
                _laid_out(call.get("result")),
                bool(call.get("cut")),
                is_asked=call.get("arguments") is not None or call.get("result") is None,
            )
            for call in rows(row["toolCalls"])
        )


def _laid_out(value: object) -> str:
    """A text as it is; a JSON object or list with a line for each of its parts."""
    text = value if isinstance(value, str) else ""
    if text[:1] in ("{", "["):
        # What was cut is no JSON any more, and what nests too deep is not laid out.
        with suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    return clean_lines(text).strip("\n")


@dataclass(frozen=True)
class Message:
    """One message on the branch that a chat shows."""

    id: str
    role: str
    text: str
    source: str
    """The text as it was written, with what is not fit to be shown."""
    author: str
    """The assistant's or person's name; empty when it is not recorded."""
    model: str
    created_at: float | None
    thinking: str
    tools: tuple[ToolUse, ...]
    files: tuple[str, ...]
    in_progress: bool
    alternatives: tuple[str, ...]
    """The ids of this message and its siblings, in display order."""
    index: int
    """Where this message stands among its alternatives."""

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Message:
        """Reads one element of `messages` in `chat.show`."""
        alternatives = tuple(str(other) for other in row.get("alternatives") or [])
        return cls(
            id=str(row.get("id", "")),
            role=text_of(row.get("role")),
            text=clean_lines(str(row.get("text") or "")),
            source=str(row.get("text") or ""),
            author=text_of(row.get("author")),
            model=text_of(row.get("model")),
            created_at=moment(row.get("created")),
            thinking=clean_lines(str(row.get("thinking") or "")),
            tools=ToolUse.read_all(row),
            files=_names(row.get("files")),
            in_progress=bool(row.get("inProgress")),
            alternatives=alternatives,
            index=min(whole(row.get("index")), max(0, len(alternatives) - 1)),
        )


def _names(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else []
    return tuple(
        text_of(item.get("name") or item.get("vertex")) if isinstance(item, Mapping) else str(item)
        for item in found
    )


class Messages(Sequence[Message]):
    """The messages of a chat, each read when somebody looks at it: few of a long chat are."""

    def __init__(self, given: Sequence[Mapping[str, Any]], before: Messages | None = None) -> None:
        """Takes `messages` of `chat.show`; what is as it was `before` is not read again."""
        self.given = given
        self.ids = [str(row.get("id", "")) for row in given]
        self._read = before.still_true(self.ids) if before is not None else {}

    def __len__(self) -> int:
        return len(self.given)

    @overload
    def __getitem__(self, at: int) -> Message: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Message]: ...
    def __getitem__(self, at: int | slice) -> Message | Sequence[Message]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        row = self.given[at]
        known = self._read.get(self.ids[at])
        if known is None or (known[0] is not row and known[0] != row):
            known = self._read[self.ids[at]] = (row, Message.read(row))
        return known[1]

    def still_true(self, ids: Sequence[str]) -> dict[str, tuple[Mapping[str, Any], Message]]:
        """What was read of the messages with these ids."""
        if not self._read:
            return {}
        wanted = self._read.keys() & set(ids)
        return {each: self._read[each] for each in wanted}


@dataclass(frozen=True)
class Chat:
    """The branch of a chat that the app shows, oldest message first."""

    title: str
    messages: Messages
    digest: str = ""
    """Stands for all messages but the last one, as the daemon knows them."""

    @classmethod
    def read(cls, answer: Mapping[str, Any], before: Chat | None = None) -> Chat:
        """Reads the answer to `chat.show`, which may leave out what is as it was `before`."""
        given, known = rows(answer.get("messages")), before.messages if before else None
        if known is not None and (kept := whole(answer.get("kept"))):
            given = [*known.given[:kept], *given]
        title, digest = text_of(answer.get("title")), text_of(answer.get("digest"))
        return cls(title, Messages(given, known), digest)

    @property
    def known(self) -> dict[str, Any]:
        """What tells the daemon which messages need not be sent again."""
        count = max(0, len(self.messages) - 1)
        return {"known": count, "digest": self.digest} if self.digest else {}


@dataclass(frozen=True)
class OpAuthor:
    """Which op something is by: an op bears its maker and a counter, and no time."""

    peer: str
    counter: int
    device: str
    """The name of the machine it was made on; empty where that is not known."""

    @property
    def words(self) -> str:
        """Who it was, by the device's name or the first characters of the peer, and which op."""
        return f"{self.device or self.peer[:8]}, op {self.counter:,}"

    @classmethod
    def read(cls, row: object) -> OpAuthor | None:
        """Reads `placed` or one of `authors` of `vertex.get`."""
        if not isinstance(row, Mapping) or not row.get("peer"):
            return None
        device = text_of(row.get("device"))
        return cls(text_of(row.get("peer")), whole(row.get("counter")), device)


@dataclass(frozen=True)
class VertexFacts:
    """One vertex of a tree."""

    id: str
    parent: str
    name: str
    child_count: int
    is_deleted: bool
    path: str
    properties: Mapping[str, Any]
    created_at: float | None = None
    placed: OpAuthor | None = None
    """Its last move."""
    is_moved: bool = False
    """Whether that move is not the one that made it."""
    authors: Mapping[str, OpAuthor] = field(default_factory=dict)
    """By the key of a property, who set it."""

    @property
    def title(self) -> str:
        """The name, else the first characters of the id."""
        return self.name or self.id[:8]

    @property
    def preview(self) -> str:
        """The beginning of its text, where it has one that tells it from its siblings."""
        text = self.properties.get("text")
        return clean(text[:80]).strip() if isinstance(text, str) else ""

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> VertexFacts:
        """Reads the answer to `vertex.get` or one of `children`."""
        properties = row.get("properties")
        path, authors = row.get("path"), row.get("authors")
        read = {
            str(key): OpAuthor.read(author)
            for key, author in (authors if isinstance(authors, Mapping) else {}).items()
        }
        return cls(
            id=str(row.get("id", "")),
            parent=str(row.get("parent") or ""),
            name=text_of(row.get("name")),
            child_count=whole(row.get("childCount")),
            is_deleted=bool(row.get("deleted")),
            path=text_of("/".join(map(str, path)) if isinstance(path, list) else path),
            properties=properties if isinstance(properties, Mapping) else {},
            created_at=moment(row.get("created")),
            placed=OpAuthor.read(row.get("placed")),
            is_moved=bool(row.get("moved")),
            authors={key: author for key, author in read.items() if author is not None},
        )


def value_kind(value: object) -> str:
    """The JSON type of a property value in a word."""
    names = {bool: "yes/no", str: "text", list: "list", type(None): "null"}
    if isinstance(value, Mapping):
        return "object"
    return names.get(type(value), "number")


def value_line(value: object) -> str:
    """A property value on one clean line; text as it is, everything else as JSON."""
    if isinstance(value, str):
        return clean(value)
    return clean(json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str))
