"""What a chat tree means: messages in chains, with branches where one was edited or retried.

Source: the section "What a space holds" of the space format. Each message is a child of the one
it answers; siblings are alternatives. The main branch follows the child with `main: true`, else
the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError
from sila_daemon.core.json_value import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sila_daemon.core.json_value import Json
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.core.vertex import Vertex

CHAT_APP = "default-chat"
MESSAGE_NAME = "message"
"""What every message has in `_n`."""
_MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class FileReference:
    """An attachment: a file vertex in some tree of the space."""

    tree_id: str
    vertex_id: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a branch."""

    vertex_id: str
    role: str
    """user, assistant, tool or error; whatever the app wrote."""
    text: str
    """Markdown."""
    created_ms: float | None
    alternatives: tuple[str, ...]
    """The ids of this message and its siblings, in display order."""
    index: int
    """Where this message stands among its alternatives, from 0."""
    thinking: str
    author: str
    """The assistant's name (`configName`), or empty."""
    model: str
    """`provider/model`, either part alone, or empty."""
    is_in_progress: bool
    files: tuple[FileReference, ...]
    tool_requests: Json
    tool_results: Json


@dataclass(frozen=True, slots=True)
class RawMessage:
    """What a message is read from: much cheaper to have than the message, and tells them apart."""

    vertex: Vertex
    alternatives: tuple[str, ...]
    index: int
    texts: tuple[tuple[str, bytes], ...]
    """The properties as JSON text."""

    @property
    def mark(self) -> int:
        """Another number as soon as the message is another one; means nothing in another process.

        Texts keep their hashes, so of a long chat this costs what was changed.
        """
        return hash((self.alternatives, self.index, self.texts))

    @property
    def files(self) -> tuple[FileReference, ...]:
        """Attachments; their names stand elsewhere."""
        if all(key != "files" for key, _ in self.texts):
            return ()
        return _references(self.vertex.get("files"))

    def read(self) -> Message:
        """Reads the message."""
        properties = {key: decode(text) for key, text in self.texts}

        def text_of(key: str) -> str:
            value = properties.get(key)
            return value if isinstance(value, str) else ""

        return Message(
            vertex_id=self.vertex.id,
            role=text_of("role"),
            text=text_of("text"),
            created_ms=self.vertex.created_ms,
            alternatives=self.alternatives,
            index=self.index,
            thinking=text_of("thinking"),
            author=text_of("configName"),
            model="/".join(filter(None, (text_of("modelProvider"), text_of("modelId")))),
            is_in_progress=properties.get("inProgress") is True,
            files=_references(properties.get("files")),
            tool_requests=properties.get("toolRequests"),
            tool_results=properties.get("toolResults"),
        )


class ChatView:
    """A view on a chat tree; holds no state of its own."""

    def __init__(self, tree: RepTree) -> None:
        self.tree = tree

    @classmethod
    def plant(cls, tree: RepTree, name: str, config_id: str = "chat") -> ChatView:
        """Makes a fresh tree a chat, as the original app does."""
        root = tree.root or tree.create_root()
        if root.get("appId") != CHAT_APP:
            root.set("appId", CHAT_APP)
        root.set("configId", config_id)
        for section in (_MESSAGES, "jobs"):
            root.new_child({"name": section})
        root.set("name", name)
        root.new_child({"name": "assets"})
        return cls(tree)

    @property
    def title(self) -> str:
        """The chat's name; empty when it has none."""
        root = self.tree.root
        return (root.name or "") if root else ""

    @property
    def start(self) -> Vertex | None:
        """The vertex that first messages are children of."""
        root = self.tree.root
        return root.child_named(_MESSAGES) if root else None

    def messages(self) -> list[Message]:
        """Returns the main branch, oldest first."""
        return [raw.read() for raw in self.raw_messages()]

    def raw_messages(self) -> list[RawMessage]:
        """Returns what the messages of the main branch are read from, oldest first."""
        return [
            RawMessage(
                siblings[index],
                tuple(sibling.id for sibling in siblings),
                index,
                tuple(siblings[index].texts),
            )
            for siblings, index in self._branch()
        ]

    @property
    def message_count(self) -> int:
        """The number of messages on the main branch, without reading them."""
        return sum(1 for _ in self._branch())

    def _branch(self) -> Iterator[tuple[list[Vertex], int]]:
        """Yields the alternatives at each step, and which of them is the main one."""
        above = self.start
        while above is not None and (siblings := above.children):
            index = _main_index(siblings)
            yield siblings, index
            above = siblings[index]

    def choose(self, vertex_id: str) -> None:
        """Makes a message the main one among its alternatives."""
        chosen = self._message_vertex(vertex_id)
        above = chosen.parent
        for sibling in above.children if above else []:
            if sibling != chosen and sibling.get("main") is True:
                sibling.set("main", False)
        if chosen.get("main") is not True:
            chosen.set("main", True)

    def append(self, role: str, text: str, extra: Mapping[str, Json] | None = None) -> Vertex:
        """Adds a message at the end of the main branch."""
        branch = self.messages()
        above = self.tree.vertex(branch[-1].vertex_id) if branch else self.start
        if above is None:
            raise NotFoundError("this tree has no messages", hint="it is not a chat")
        return above.new_child(_properties(role, text, extra))

    def branch(self, vertex_id: str, text: str) -> Vertex:
        """Adds an alternative to a message, with other text, and makes it the main one."""
        original = self._message_vertex(vertex_id)
        above = original.parent
        assert above is not None, "a message has the one it answers above it"
        role = original.get("role")
        added = above.new_child(_properties(role if isinstance(role, str) else "user", text, None))
        self.choose(added.id)
        return added

    def _message_vertex(self, vertex_id: str) -> Vertex:
        vertex = self.tree.vertex(vertex_id)
        start = self.start
        if vertex is None or start is None or start not in vertex.ancestors:
            raise NotFoundError("no such message in this chat")
        return vertex


def _properties(role: str, text: str, extra: Mapping[str, Json] | None) -> dict[str, Json]:
    return {"_n": MESSAGE_NAME, "role": role, "text": text, **(extra or {})}


def _main_index(siblings: list[Vertex]) -> int:
    if len(siblings) == 1:
        return 0
    for index, sibling in enumerate(siblings):
        if sibling.get("main") is True:
            return index
    return 0


def _references(files: Json) -> tuple[FileReference, ...]:
    """Reads the attachments of a message; entries of another shape are passed over."""
    found = []
    for entry in files if isinstance(files, list) else []:
        if isinstance(entry, dict):
            tree_id, vertex_id = entry.get("tree"), entry.get("vertex")
            if isinstance(tree_id, str) and isinstance(vertex_id, str):
                found.append(FileReference(tree_id, vertex_id))
    return tuple(found)
