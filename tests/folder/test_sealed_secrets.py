"""The sealed form of secrets: opens to what was sealed, and nothing else passes."""

from __future__ import annotations

import base64

import pytest

from sila_daemon.core import json_value
from sila_daemon.core.errors import SecretsError
from sila_daemon.folder.sealed_secrets import seal, unseal
from sila_daemon.folder.secrets import default_derivation, seal_secrets
from sila_daemon.ports.randomness import SystemRandomness

SPACE = "25f87e271fb347078ec4fbaad528d1b8"


@pytest.mark.parametrize("space_id", [SPACE, "an-older-id"])
def test_what_is_sealed_opens(space_id: str) -> None:
    values, removed = {"key": "s3cret", "emoji": "\ud83d"}, {"old": "a" * 64}
    sealed = seal(values, removed, space_id, SystemRandomness())
    assert unseal(sealed, space_id) == (values, removed)
    assert "s3cret" not in sealed and seal(values, removed, space_id, SystemRandomness()) != sealed


@pytest.mark.parametrize(
    "content", [{}, {"values": {"a": 1}}, {"values": {}, "removed": {"a": ""}}]
)
def test_another_content_is_refused(content: dict[str, object]) -> None:
    text = {"x": json_value.encode(content).decode()}
    whole = seal_secrets(text, SPACE, default_derivation(SPACE), SystemRandomness())
    for sealed in (whole.decode(), "no base64!", "", None, base64.b64encode(b"x" * 40).decode()):
        with pytest.raises(SecretsError):
            unseal(sealed, SPACE)
