"""The answers of the routes, as types; nothing is answered that does not stand here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from sila_daemon.server.http.requests import Hash, Role, Uuid

Millis = Annotated[int, Meta(description="Unix milliseconds.", ge=0)]
Yes = Annotated[bool, Meta(extra_json_schema={"const": True})]
No = Annotated[bool, Meta(extra_json_schema={"const": False})]


class Refused(Struct, forbid_unknown_fields=True):
    """Every refusal, whatever its status."""

    ok: No
    error: Annotated[str, Meta(description="A sentence for a person.")]
    code: Annotated[str, Meta(description="Stable, for programs.")]
    error_description: str | UnsetType = UNSET
    """As RFC 8628 has it; `error` is then the code."""
    revision: str | UnsetType | None = UNSET
    side: str | UnsetType = UNSET
    offset: int | UnsetType = UNSET


class Done(Struct, forbid_unknown_fields=True):
    """It is done."""

    ok: Yes


class User(Struct, forbid_unknown_fields=True):
    """An account, as its user sees it."""

    id: str
    email: str
    admin: bool
    createdAt: Millis


class Tokens(Struct, forbid_unknown_fields=True):
    """The tokens of a session."""

    ok: Yes
    access_token: str
    refresh_token: str
    expires_in: Annotated[int, Meta(description="Seconds.")]


class SignedIn(Tokens, forbid_unknown_fields=True):
    """A new session."""

    user: User


class Session(Struct, forbid_unknown_fields=True):
    """Where somebody is signed in."""

    id: str
    kind: str
    name: str
    platform: str
    address: str
    createdAt: Millis
    lastSeenAt: Millis
    expiresAt: Millis
    current: Annotated[bool, Meta(description="Whether it is the one that asks.")]


class SessionList(Struct, forbid_unknown_fields=True):
    """All sessions of the user."""

    ok: Yes
    sessions: list[Session]


class DeviceCode(Struct, forbid_unknown_fields=True):
    """As in RFC 8628."""

    ok: Yes
    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    interval: int
    expires_in: int


class Space(Struct, forbid_unknown_fields=True):
    """A space, as one of its members sees it."""

    id: str
    name: str
    role: Role
    createdAt: Millis
    updatedAt: Millis
    deletedAt: Millis | UnsetType = UNSET
    purgeAt: Millis | UnsetType = UNSET


class SpaceList(Struct, forbid_unknown_fields=True):
    """The spaces of the user."""

    ok: Yes
    spaces: list[Space]


class SpaceAnswer(Struct, forbid_unknown_fields=True):
    """One space."""

    ok: Yes
    space: Space


class SpaceDeleted(Struct, forbid_unknown_fields=True):
    """When the space will be gone for good."""

    ok: Yes
    purgeAt: Millis


class SocketPlace(Struct, forbid_unknown_fields=True):
    """What a Socket.IO client connects to."""

    namespace: str
    path: str


class Connect(Struct, forbid_unknown_fields=True):
    """Where the ops of a space are exchanged."""

    ok: Yes
    connect: SocketPlace


class Sealed(Struct, forbid_unknown_fields=True):
    """All secrets of the space, sealed with its key."""

    ok: Yes
    sealed: str


class SecretsStored(Struct, forbid_unknown_fields=True):
    """The new state."""

    ok: Yes
    etag: str


class Member(Struct, forbid_unknown_fields=True):
    """Somebody who may use a space."""

    userId: str
    email: str
    role: Role


class MemberAnswer(Struct, forbid_unknown_fields=True):
    """One member."""

    ok: Yes
    member: Member


class MemberList(Struct, forbid_unknown_fields=True):
    """All members of a space."""

    ok: Yes
    members: list[Member]


class SpaceInvitedTo(Struct, forbid_unknown_fields=True):
    """What is known of a space before one is in it."""

    id: str
    name: str


class Invite(Struct, forbid_unknown_fields=True):
    """An invite; its secret is only in its address."""

    id: str
    space: SpaceInvitedTo
    role: Role
    createdBy: str
    createdAt: Millis
    expiresAt: Millis


class InviteAnswer(Struct, forbid_unknown_fields=True):
    """One invite."""

    ok: Yes
    invite: Invite


class InviteMade(InviteAnswer, forbid_unknown_fields=True):
    """A new invite, and its address, which is told only this once."""

    url: str


class InviteList(Struct, forbid_unknown_fields=True):
    """The invites that wait."""

    ok: Yes
    invites: list[Invite]


class FilesLacking(Struct, forbid_unknown_fields=True):
    """The files that the server does not have."""

    ok: Yes
    static: list[Hash]
    var: list[Uuid]


class StaticStored(Struct, forbid_unknown_fields=True):
    """An immutable file that is here."""

    ok: Yes
    hash: Hash
    size: int


class StaticSent(Struct, forbid_unknown_fields=True):
    """An immutable file that is stored now, or the upload that has begun."""

    ok: Yes
    hash: Hash | UnsetType = UNSET
    size: int | UnsetType = UNSET
    upload: Annotated[str, Meta(description="Where the upload goes on.")] | UnsetType = UNSET
    offset: Annotated[int, Meta(description="How many bytes have come.")] | UnsetType = UNSET


class VarStored(Struct, forbid_unknown_fields=True):
    """The new revision of a mutable file."""

    ok: Yes
    revision: str
    sha256: Hash


class Revision(Struct, forbid_unknown_fields=True):
    """One revision of a mutable file."""

    revision: str
    sha256: Hash
    size: int
    createdAt: Millis
    side: Annotated[bool, Meta(description="Whether it came too late and was put aside.")]


class RevisionList(Struct, forbid_unknown_fields=True):
    """At most a thousand revisions, oldest first; empty when there are no earlier ones."""

    ok: Yes
    revisions: list[Revision]


class PackedResult(Struct, forbid_unknown_fields=True):
    """What became of one file of a pack."""

    kind: Literal["static", "var"]
    id: str
    ok: bool
    code: str | UnsetType = UNSET
    revision: str | UnsetType | None = UNSET
    side: str | UnsetType = UNSET


class Packed(Struct, forbid_unknown_fields=True):
    """What became of every file of a pack, in its order."""

    ok: Yes
    files: list[PackedResult]


class ReceivedOp(Struct, forbid_unknown_fields=True):
    """An op, and when and from whom it came."""

    seq: int
    receivedAt: Millis
    userId: str
    treeId: str
    op: dict[str, Any]


class OpsPage(Struct, forbid_unknown_fields=True):
    """Some ops, in the order in which they were received."""

    ok: Yes
    ops: list[ReceivedOp]
    next: Annotated[int | None, Meta(description="The next `after`; null at the end.")]
