"""The secrets file: sealed and opened with a key that derives from the space's id.

Source: the section "Secrets" of the space format. Since that id stands in `space.json`, the seal
hides secrets from a casual look only; it is not protection against anyone who has the folder.
The original app re-seals the file at every opening, so bytes that differ mean nothing: the file is
written only when what it says differs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sila_daemon.core import ids, json_value
from sila_daemon.core.errors import SecretsError
from sila_daemon.folder.layout import stand_in_of
from sila_daemon.folder.problems import storage_errors
from sila_daemon.ports.disk import read_file
from sila_daemon.ports.durable_files import make_durable, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.ports.disk import Disk
    from sila_daemon.ports.randomness import Randomness

FILE_BYTES_MAX = 4 << 20
NONCE_BYTES = 12
_KEY_BYTES = 32
_HINT = "The file is kept as it is. Secrets set from now on cannot be added to it."


class Derivation(Enum):
    """How the key comes from the space's id."""

    PLAIN = "plain"
    """The 32 ASCII bytes of the id: the current form."""
    HASHED = "hashed"
    """SHA-256 of the id: the older form, and the only one for ids of another length."""


@dataclass(frozen=True, slots=True)
class OpenedSecrets:
    """What a secrets file says, and how it is sealed."""

    values: dict[str, str]
    derivation: Derivation


def default_derivation(space_id: str) -> Derivation:
    """Returns the derivation for a file that does not exist yet."""
    return Derivation.PLAIN if len(space_id) == _KEY_BYTES else Derivation.HASHED


def open_secrets(data: bytes, space_id: str) -> OpenedSecrets:
    """Opens the content of a secrets file, whichever key it has. Raises SecretsError."""
    # Imported here: it takes longer to load than most commands take to run.
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        sealed = base64.b64decode(data.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise SecretsError("the secrets file is not base64", hint=_HINT) from None
    for derivation in Derivation:
        key = secrets_key(space_id, derivation)
        if key is None:
            continue
        try:
            text = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            continue
        return OpenedSecrets(_checked(text), derivation)
    raise SecretsError("the secrets file does not decrypt with this space's id", hint=_HINT)


def seal_secrets(
    values: Mapping[str, str], space_id: str, derivation: Derivation, randomness: Randomness
) -> bytes:
    """Returns the content of a secrets file, with a fresh nonce."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = secrets_key(space_id, derivation)
    assert key is not None, "an id that is not 32 bytes has only the hashed derivation"
    nonce = randomness.token(NONCE_BYTES)
    text = json_value.encode(dict(values))
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, text, None))


def read_secrets(disk: Disk, path: Path, space_id: str) -> OpenedSecrets | None:
    """Reads a secrets file; None when it is absent or empty. Raises SecretsError, StorageError."""
    with storage_errors("read the secrets"):
        if disk.stat(path) is None:
            if disk.stat(stand_in_of(path)) is not None:
                message = "a cloud tool has not brought the secrets file yet"
                raise SecretsError(message, code="not_downloaded", hint=_HINT)
            return None
        data = read_file(disk, path, FILE_BYTES_MAX)
    return open_secrets(data, space_id) if data.strip() else None


def write_secrets(
    disk: Disk, path: Path, space_id: str, values: Mapping[str, str], randomness: Randomness
) -> bool:
    """Replaces the secrets file atomically if it says anything else; tells whether it did.

    Either way what it says is durable.
    Keeps the derivation that the file has. Raises SecretsError, and leaves the file alone, when it
    is there and does not open; StorageError.
    """
    ids.checked_space_id(space_id)
    known = read_secrets(disk, path, space_id)
    if (known.values if known else {}) == dict(values):
        _keep(disk, path)
        return False
    _write(disk, path, space_id, known, values, randomness)
    return True


def replace_secrets(
    disk: Disk,
    path: Path,
    space_id: str,
    before: Mapping[str, str],
    values: Mapping[str, str],
    randomness: Randomness,
) -> bool:
    """Writes `values` if the file still says `before`; tells whether it says `values` now.

    Another program may have written since it was read: what it wrote is then to be merged first.
    Raises what `write_secrets` raises.
    """
    ids.checked_space_id(space_id)
    known = read_secrets(disk, path, space_id)
    says = known.values if known else {}
    if says == dict(values):
        _keep(disk, path)
        return True
    if says != dict(before):
        return False
    _write(disk, path, space_id, known, values, randomness)
    return True


def rewrite_secrets(
    disk: Disk, path: Path, space_id: str, said: Mapping[str, str], randomness: Randomness
) -> bool:
    """Writes the file anew if it still says `said`, after a sync of it failed; tells whether so.

    Raises what `write_secrets` raises.
    """
    with storage_errors("write the secrets"):
        before = disk.stat(path)
    known = read_secrets(disk, path, space_id)
    if known is None or known.values != dict(said):
        return False
    sealed = seal_secrets(said, space_id, known.derivation, randomness)
    with storage_errors("write the secrets"):
        # Asked when the new bytes are durable: between that and their name nothing takes long.
        return write_atomic(disk, path, sealed, randomness, lambda: disk.stat(path) == before)


def _keep(disk: Disk, path: Path) -> None:
    """Makes the file durable, as whoever wrote it may not have done."""
    with storage_errors("write the secrets"):
        if disk.stat(path) is not None:
            make_durable(disk, path)


def _write(
    disk: Disk,
    path: Path,
    space_id: str,
    known: OpenedSecrets | None,
    values: Mapping[str, str],
    randomness: Randomness,
) -> None:
    derivation = known.derivation if known else default_derivation(space_id)
    sealed = seal_secrets(values, space_id, derivation, randomness)
    with storage_errors("write the secrets"):
        write_atomic(disk, path, sealed, randomness)


def secrets_key(space_id: str, derivation: Derivation) -> bytes | None:
    """Returns the key; None for an id that cannot have one of this kind."""
    raw = space_id.encode()
    if derivation is Derivation.HASHED:
        return hashlib.sha256(raw).digest()
    return raw if len(raw) == _KEY_BYTES else None


def _checked(text: bytes) -> dict[str, str]:
    try:
        content = json.loads(text.decode())
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise SecretsError(
            "the secrets file decrypts, but not to an object of strings",
            code="secrets_bad_shape",
            hint=_HINT,
        )
    return content
