"""Every error of the project, so that a reader learns the taxonomy in ten seconds.

    SilaError
      UsageError
      NotFoundError
      ProblemError
        FormatError
          UnsupportedVersionError
          InvalidIdError
          InvalidValueError
          InvalidOpError
        SecretsError
      ProtectionError
      StorageError
        StorageFullError
        CorruptBlobError
      RemoteError
        RemoteUnavailableError
        RemoteRefusedError
        SignInNeededError
        RateLimitedError
      ControlError
        DaemonNotRunningError
      AlreadyRunningError

Each class carries the exit code that the three programs end with and says whether trying
again can help. This module stays free of imports so that every layer can use it.
"""

from __future__ import annotations

from typing import ClassVar


class SilaError(Exception):
    """The root: a sentence for a person, a stable code for a program, a hint what to do."""

    default_code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 70
    retry: ClassVar[bool] = False

    def __init__(self, message: str, *, code: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        """Stable, lower case with underscores; promised to scripts and to the other end."""
        self.hint = hint
        """What the person can do about it; empty when there is nothing to do."""


class UsageError(SilaError):
    """The command was called in a way that cannot mean anything."""

    default_code = "usage"
    exit_code = 2


class NotFoundError(SilaError):
    """The space, tree, vertex, file or account asked for does not exist."""

    default_code = "not_found"
    exit_code = 4


class ProblemError(SilaError):
    """The thing asked about is not well."""

    default_code = "problem"
    exit_code = 1


class FormatError(ProblemError):
    """Bytes on disk or on the wire are not in the promised format."""

    default_code = "bad_format"


class UnsupportedVersionError(FormatError):
    """The data was written by a newer version than this one understands."""

    default_code = "unsupported_version"


class InvalidIdError(FormatError):
    """An id that may become part of a path or a key is not one of ours."""

    default_code = "bad_id"


class InvalidValueError(FormatError):
    """A property value is not JSON that every replica keeps unchanged."""

    default_code = "value_not_json"


class InvalidOpError(FormatError):
    """One op is refused; its neighbours are not affected."""

    default_code = "malformed_op"
    op_id: tuple[int, str] | None = None
    """Counter and peer of the refused op, where they could be read."""


class SecretsError(ProblemError):
    """The secrets file does not decrypt with the keys derived from its space id."""

    default_code = "secrets_undecryptable"


class ProtectionError(SilaError):
    """Refused because data would be lost or overwritten."""

    default_code = "protected"
    exit_code = 6


class StorageError(SilaError):
    """The disk or the database refused; nothing was half-done."""

    default_code = "storage"
    exit_code = 7


class StorageFullError(StorageError):
    """The disk or the quota is full."""

    default_code = "storage_full"
    retry = True


class CorruptBlobError(StorageError):
    """Bytes do not have the SHA-256 that names them."""

    default_code = "corrupt_blob"


class RemoteError(SilaError):
    """Something between this machine and a server."""

    default_code = "remote"
    exit_code = 8


class RemoteUnavailableError(RemoteError):
    """The server did not answer; trying again later can help."""

    default_code = "unreachable"
    retry = True


class RemoteRefusedError(RemoteError):
    """The server answered no; trying the same again cannot help."""

    default_code = "refused"


class SignInNeededError(RemoteError):
    """The server does not accept the token that we hold, or we hold none."""

    default_code = "sign_in_needed"
    exit_code = 5


class RateLimitedError(RemoteError):
    """Too much was asked in too short a time; nothing was done."""

    default_code = "rate_limited"
    retry = True
    retry_after_s: float = 1.0
    """How long to wait before trying again."""


class ControlError(SilaError):
    """The local protocol between the daemon and its clients."""

    default_code = "control"


class DaemonNotRunningError(ControlError):
    """Nobody listens on the daemon's socket."""

    default_code = "daemon_not_running"
    exit_code = 3


class AlreadyRunningError(SilaError):
    """Another process holds the lock that this one needs."""

    default_code = "already_running"
    exit_code = 3
