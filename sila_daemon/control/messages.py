"""The parameters of the methods of the local protocol.

All names are in camel case on the wire. Unknown parameters are refused, unknown fields of a result
are to be ignored: so a newer daemon can tell an older client more, and a typo is never silently
dropped. Which method takes which stands in `methods`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SecretsPolicy = Literal["mirror", "keep"]


class Params(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """The parameters of a call, checked by their types."""


class NoParams(Params):
    """A method without parameters."""


class StatusParams(Params):
    """Asks about one space, or about all."""

    space: str | None = None


class SpaceParams(Params):
    """Names one space: by id, unique prefix of an id, name or path."""

    space: str


class CreateParams(Params):
    """Where a new space lives, and which servers get it too."""

    address: str
    name: str
    servers: list[str] = []
    secrets: SecretsPolicy = "keep"


class AddParams(Params):
    """An existing folder to look after, and servers to mirror it to."""

    path: str
    servers: list[str] = []
    secrets: SecretsPolicy = "keep"


class Conditions(Params):
    """Which immutable files are to come unasked: those that meet every condition."""

    on_demand: bool = False
    newer_than_days: float | None = None
    up_to_bytes: int | None = None


class CloneParams(Conditions, kw_only=True):
    """A space on a server, brought into a new folder or without one."""

    url: str
    id: str
    path: str | None = None
    secrets: SecretsPolicy = "keep"


class FetchParams(Conditions, kw_only=True):
    """A space, and which of its files are to come."""

    space: str


class MoveParams(SpaceParams):
    """The absolute path at which the folder of a space is to be."""

    path: str


class PauseParams(SpaceParams):
    """For how many seconds; without a number until it is resumed."""

    seconds: float | None = None


class UrlParams(Params):
    """The address of a server."""

    url: str


class AddServerParams(SpaceParams):
    """One more server for a space."""

    url: str
    secrets: SecretsPolicy | None = None
    """None: as it is for a server that the space has, `keep` for a new one."""


class SpaceServerParams(SpaceParams):
    """A server of a space."""

    url: str


class TreeParams(SpaceParams):
    """One tree of a space."""

    tree: str


class ShowChatParams(TreeParams):
    """A chat; its first `known` messages are not wanted when `digest` says that they are known."""

    known: int = 0
    digest: str | None = None


class VertexParams(TreeParams):
    """One vertex; the root when it is left out."""

    vertex: str | None = None


class ChildrenParams(VertexParams):
    """A page of children, `after` the one last seen."""

    after: str | None = None
    limit: int = 200
    properties: bool = False


class NewVertex(msgspec.Struct, tag_field="do", tag="new", forbid_unknown_fields=True):
    """Makes a vertex below `parent` (the root when it is left out)."""

    parent: str | None = None
    properties: dict[str, Any] = {}


class SetProperty(msgspec.Struct, tag_field="do", tag="set", forbid_unknown_fields=True):
    """Gives a property a value."""

    vertex: str
    key: str
    value: Any


class UnsetProperty(msgspec.Struct, tag_field="do", tag="unset", forbid_unknown_fields=True):
    """Removes a property."""

    vertex: str
    key: str


class MoveVertex(msgspec.Struct, tag_field="do", tag="move", forbid_unknown_fields=True):
    """Moves a vertex, with everything below it, under another parent."""

    vertex: str
    parent: str


class DeleteVertex(msgspec.Struct, tag_field="do", tag="delete", forbid_unknown_fields=True):
    """Moves a vertex, with everything below it, to the trash."""

    vertex: str


class RestoreVertex(msgspec.Struct, tag_field="do", tag="restore", forbid_unknown_fields=True):
    """Moves a vertex out of the trash, back to where it was or under `parent`."""

    vertex: str
    parent: str | None = None


Edit = NewVertex | SetProperty | UnsetProperty | MoveVertex | DeleteVertex | RestoreVertex


class EditParams(TreeParams):
    """Edits of one tree that are kept together or not at all."""

    edits: list[Edit]
    force: bool = False
    """They are meant, even where they delete or overwrite a large share of the space."""


class PageParams(SpaceParams):
    """A page of a list, `after` the thing last seen; the whole list without `limit`."""

    after: str | None = None
    limit: int | None = None


class UndoParams(SpaceParams):
    """Whether to take back only what is as the edit left it, where the rest changed since."""

    partly: bool = False


class TrashParams(SpaceParams):
    """A page of the trash of one tree, or of all trees, `after` the vertex last seen."""

    tree: str | None = None
    after: str | None = None
    limit: int = 200


class SearchParams(SpaceParams):
    """Words that must all occur, as parts of longer ones too; `before` is `next` of a page."""

    query: str
    before: int | None = None
    limit: int = 50


class SendParams(TreeParams):
    """A message for the end of a chat's main branch."""

    text: str
    role: Literal["user", "assistant", "tool", "error"] = "user"


class NewChatParams(SpaceParams):
    """What a new chat is called, what of the space tree it stands below, and who answers in it."""

    name: str
    parent: str | None = None
    assistant: str | None = None


class RenameChatParams(TreeParams):
    """Another name for a chat."""

    name: str


class DeleteChatParams(TreeParams):
    """A chat for the trash; `force` where much of the space is meant to go with it."""

    force: bool = False


class FileListParams(SpaceParams):
    """The files of one tree, or of all trees that hold files."""

    tree: str | None = None


class FilePutParams(SpaceParams):
    """A local file that becomes the file `path` of the space."""

    path: str
    source: str
    tree: str | None = None


class FileGetParams(SpaceParams):
    """A file of the space, by path in a tree, or by its hash, and where it is to be written."""

    path: str
    target: str
    tree: str | None = None
    overwrite: bool = False


class FileFetchParams(SpaceParams):
    """A file or folder of the space, by its path in a tree."""

    path: str
    tree: str | None = None


class FileHeadParams(TreeParams):
    """A file by its vertex, and how many of its first bytes are wanted."""

    vertex: str
    limit: int = 65_536


class TransferListParams(Params):
    """Files on their way, of one space or of all.

    With the revision of an answer as `after`, the next one comes when something has changed, or
    after `wait` seconds.
    """

    space: str | None = None
    after: int | None = None
    wait: float = 30.0


class ChooseParams(SpaceParams):
    """Which content of a file counts: the own one that was kept, or the newer one.

    `file` is a path, an id or a unique prefix of one; `hash` tells apart several that were kept.
    """

    file: str
    keep: Literal["own", "newer"]
    hash: str | None = None


class SecretParams(SpaceParams):
    """The name of a secret."""

    name: str


class SetSecretParams(SecretParams):
    """A secret and its value."""

    value: str


class LoginParams(Params):
    """An account on a server, proved by a password or by a token."""

    url: str
    email: str | None = None
    password: str | None = None
    token: str | None = None
    insecure: bool = False


class OutboxParams(SpaceParams):
    """The ops of a space that need somebody: those of one server, or all."""

    server: str | None = None


class OutboxExportParams(SpaceParams):
    """Where the ops that need somebody are to be written."""

    target: str
    server: str | None = None
    overwrite: bool = False


class HeldParams(SpaceParams):
    """Held changes of a space: those of one number, or all that wait."""

    number: int | None = None


class SubscribeParams(Params):
    """The last event that the client has seen, if any, and the daemon's run that it came from."""

    after: int | None = None
    epoch: str | None = None
