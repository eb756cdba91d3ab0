"""Secrets as devices and servers exchange them: values and removals, sealed like the folder's file.

Source: the section "Secrets" of the wire protocol. The key derives from the space's id, so it
hides secrets from a casual look at logs and proxies and from nobody else.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from sila_daemon.core import ids, json_value
from sila_daemon.core.errors import SecretsError
from sila_daemon.folder.secrets import NONCE_BYTES, default_derivation, secrets_key

if TYPE_CHECKING:
    from sila_daemon.ports.randomness import Randomness


class Unsealed(NamedTuple):
    """What sealed secrets say."""

    values: dict[str, str]
    removed: dict[str, str]
    """SHA-256 of each removed value, in hex."""


def seal(
    values: Mapping[str, str], removed: Mapping[str, str], space_id: str, randomness: Randomness
) -> str:
    """Returns the sealed form, with a fresh nonce."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = randomness.token(NONCE_BYTES)
    text = json_value.encode({"values": dict(values), "removed": dict(removed)})
    return base64.b64encode(nonce + AESGCM(_key(space_id)).encrypt(nonce, text, None)).decode()


def unseal(sealed: object, space_id: str) -> Unsealed:
    """Opens and checks the sealed form. Raises SecretsError."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        data = base64.b64decode(str(sealed), validate=True)
        text = AESGCM(_key(space_id)).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], None)
        content = json.loads(text)
    except (binascii.Error, InvalidTag, ValueError, RecursionError):
        raise SecretsError("the sealed secrets cannot be opened") from None
    if isinstance(content, dict):
        values, removed = content.get("values"), content.get("removed", {})
        if _is_texts(values) and _is_texts(removed) and all(map(ids.is_hash, removed.values())):
            return Unsealed(values, removed)
    raise SecretsError("the sealed secrets are not values and removals")


def _key(space_id: str) -> bytes:
    key = secrets_key(space_id, default_derivation(space_id))
    assert key is not None, "every id has its default derivation"
    return key


def _is_texts(thing: object) -> TypeGuard[dict[str, str]]:
    return isinstance(thing, dict) and all(isinstance(value, str) for value in thing.values())
