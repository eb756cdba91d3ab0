"""What the methods of the local protocol answer."""

from __future__ import annotations

from typing import Any

import msgspec


class Result(msgspec.Struct, rename="camel", kw_only=True):
    """An answer; later versions may add fields."""


class Done(Result):
    """It is done, and kept."""


class Version(Result):
    """Which daemon answers."""

    version: str
    protocol: int
    pid: int
    epoch: str
    """Changes with every start: ids of events are comparable only within one."""


class DaemonStatus(Result):
    """The process; times in Unix milliseconds."""

    version: str
    pid: int
    since: int
    uptime_seconds: int
    credentials: str
    """Where tokens are kept: `keyring` or `file`."""


class Status(Result):
    """The daemon and its spaces, as `status --json` shows them."""

    daemon: DaemonStatus
    spaces: list[dict[str, Any]]


class SpaceServer(Result):
    """A server that a space is mirrored to."""

    url: str
    secrets: str


class FetchPolicy(Result):
    """Which immutable files come to this machine unasked: those that meet every condition."""

    on_demand: bool
    newer_than_days: float | None
    up_to_bytes: int | None


class SpaceEntry(Result):
    """One space that the daemon looks after."""

    id: str
    name: str | None
    path: str | None
    state: str
    servers: list[SpaceServer]
    fetch: FetchPolicy


class Spaces(Result):
    """All spaces of this daemon."""

    spaces: list[SpaceEntry]


class SpaceAdded(Result):
    """The space that is looked after from now on."""

    id: str
    name: str | None
    path: str | None


class SpaceRemoved(Result):
    """The space that is no longer looked after; its folder is untouched."""

    id: str
    path: str | None


class SpaceMoved(Result):
    """Where the folder of a space is from now on, and where it was, if it had one."""

    id: str
    path: str
    before: str | None


class Paused(Result):
    """Until when, in Unix milliseconds; None until it is resumed."""

    until: int | None


class RemoteSpaces(Result):
    """The spaces of an account on a server, as the server lists them."""

    spaces: list[dict[str, Any]]


class TrashEntry(Result):
    """One vertex that was deleted, with all below it."""

    tree: str
    tree_name: str | None
    vertex: str
    name: str | None
    child_count: int
    created: Any
    parent: str | None
    """What it was deleted from; None when it never stood anywhere else."""
    path: str | None
    """Where that is; None when it is deleted too."""


class Trash(Result):
    """A page of the trash."""

    deleted: list[TrashEntry]
    next: str | None
    """The vertex to ask after for the next page; None at the end."""


class TreeEntry(Result):
    """One tree of a space."""

    id: str
    app_id: str | None
    name: str | None
    role: str
    """`space` for the tree that names all others, else `app`."""
    vertices: int


class Trees(Result):
    """Trees of a space; `next` is the `after` of the next page."""

    trees: list[TreeEntry]
    next: str | None


class OpAuthor(Result):
    """Which op it was: the peer that made it, its Lamport counter, which is no time, and the
    name of the device where it is known."""

    peer: str
    counter: int
    device: str | None


class VertexDetails(Result):
    """One vertex with its properties, and who said so."""

    id: str
    parent: str | None
    name: str | None
    properties: dict[str, Any]
    child_count: int
    deleted: bool
    path: str
    created: float | None
    placed: OpAuthor | None
    moved: bool
    authors: dict[str, OpAuthor]


class Child(Result, omit_defaults=True):
    """One vertex in a list of children."""

    id: str
    name: str | None
    child_count: int
    created: Any = None
    properties: dict[str, Any] | None = None


class Children(Result):
    """A page of children in display order; `next` is the `after` of the next page."""

    children: list[Child]
    next: str | None


class Applied(Result):
    """One object per edit, in order; `{"vertex": id}` with the id it made or changed."""

    results: list[dict[str, Any]]


class ChatEntry(Result):
    """One chat."""

    tree: str
    title: str | None
    messages: int


class Chats(Result):
    """Chats of a space; `next` is the `after` of the next page."""

    chats: list[ChatEntry]
    next: str | None


class ToolUse(Result):
    """One tool call; null is what this message does not have."""

    name: str
    arguments: str | None
    result: str | None
    cut: bool
    """Whether the arguments or the result are longer than what is here."""


class ChatMessage(Result):
    """One message of the main branch, and where it stands among its alternatives."""

    id: str
    role: str
    text: str
    index: int
    alternatives: list[str]
    created: float | None
    """Unix milliseconds."""
    author: str
    model: str
    thinking: str
    in_progress: bool
    tools: list[str]
    tool_calls: list[ToolUse]
    files: list[dict[str, str | None]]
    """`tree`, `vertex` and, where that file is known here, its `name`."""


class Chat(Result):
    """A chat's main branch, oldest message first."""

    tree: str
    title: str | None
    kept: int
    """So many messages before these are as the caller knows them, and left out."""
    messages: list[ChatMessage]
    digest: str
    """Stands for all messages of the branch but the last one."""


class Sent(Result):
    """The message that was added."""

    vertex: str


class SecretNames(Result):
    """The names only."""

    names: list[str]


class Secret(Result):
    """A secret with its value."""

    name: str
    value: str


class SignedIn(Result):
    """The account, and where its tokens are kept: `keyring` or `file`."""

    url: str
    email: str | None
    store: str


class ServerEntry(Result):
    """A server that somebody is signed in to."""

    url: str
    email: str | None
    store: str
    signed_in: bool
    reason: str
    """Why not, when `signed_in` is false."""


class Servers(Result):
    """All servers known to this daemon."""

    servers: list[ServerEntry]


class OutboxEntry(Result):
    """What one space still owes to one of its layers, as far as the daemon knows.

    `refused` of the `ops` wait for a person; `set_aside` came from there and cannot be read.
    """

    space: str
    name: str | None
    to: str
    """`folder` or the URL of a server."""
    ops: int
    files: int
    bytes: int
    refused: int
    set_aside: int
    oldest_at: int | None
    state: str
    reason: str


class OutboxOp(Result):
    """An op that needs somebody, and why: a server refused it, or sent it and it is none.

    `counter`, `peer` and `vertex` are null where it cannot be read, `key` for a move too.
    """

    space: str
    server: str
    way: str
    tree: str
    counter: int | None
    peer: str | None
    vertex: str | None
    key: str | None
    code: str
    message: str
    at: int
    acknowledged: bool


class Outbox(Result):
    """Everything that waits, by space and layer; `more` ops that need somebody are not listed."""

    waiting: list[OutboxEntry]
    ops: list[OutboxOp]
    more: int


class Retried(Result):
    """How many ops are offered again, and how many that were set aside can be read now."""

    offered: int
    read: int


class Acknowledged(Result):
    """How many things a person has seen now."""

    count: int


class OutboxExported(Result):
    """The file that was written, and how many ops are in it."""

    target: str
    ops: int
    size: int


class Subscribed(Result):
    """The state of the activity log when the subscription began.

    `gap` says that events after the one asked for are gone; `latest` is the newest id.
    """

    epoch: str
    oldest: int
    latest: int
    gap: bool
