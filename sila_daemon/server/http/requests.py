"""The bodies of requests, as types: what they hold, and how much of it.

Members that are not named here are ignored, as are those of a later version.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="A SHA-256 in hex.")]
Uuid = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
"""Dashes and capitals are understood, too."""
Role = Literal["owner", "editor", "viewer"]
Password = Annotated[str, Meta(min_length=8, max_length=1024)]
Device = Annotated[Any, Meta(description="`{id?, name?, platform?}`: how the device is listed.")]
SpaceName = Annotated[str, Meta(min_length=1, max_length=80)]


class LogIn(Struct):
    """Who signs in, and on what."""

    email: str
    password: str
    device: Device = None


class SignUp(Struct):
    """The account that somebody wants."""

    email: str
    password: Password
    device: Device = None


class Refresh(Struct):
    """The token that is exchanged."""

    refresh_token: str


class PasswordChange(Struct):
    """The password as it is, and as it shall be."""

    old: str
    new: Password


class DeviceBegin(Struct):
    """The device that asks for a code."""

    device: Device = None


class DevicePoll(Struct):
    """The device that waits."""

    device_code: str


class DeviceForm(Struct):
    """The first form of the page."""

    form: str
    user_code: str
    email: str
    password: str


class DecisionForm(Struct):
    """The second form of the page."""

    form: str
    ticket: str
    decision: Literal["allow", "refuse"]


class SpaceCreate(Struct):
    """The new space; with an id it is one that a device has already, and begins without ops."""

    name: SpaceName | None = None
    id: Uuid | None = None


class SpaceRename(Struct):
    """The new name."""

    name: SpaceName


class MemberRole(Struct):
    """What a member may do."""

    role: Role


class InviteMake(Struct):
    """What an invite gives, and until when."""

    role: Role
    expires: Annotated[
        int | None, Meta(description="Unix milliseconds, at most 90 days from now; else 7 days.")
    ] = None


class SealedSecrets(Struct):
    """All secrets of the space, sealed with its key."""

    sealed: str


class VarHeld(Struct):
    """A mutable file, and what it holds."""

    id: Uuid
    sha256: Hash


class FilesHeld(Struct):
    """Files that a client has."""

    static: list[Hash] | None = None
    var: list[VarHeld] | None = None


class FilesWanted(Struct):
    """Files that a client wants."""

    static: list[Hash] | None = None
    var: list[Uuid] | None = None
