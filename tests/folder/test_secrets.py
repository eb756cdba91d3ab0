"""Tests of the secrets file: both keys, no needless writing, nothing lost."""

from __future__ import annotations

import base64
import errno
import itertools
from pathlib import Path

import pytest

from sila_daemon.core.errors import SecretsError, StorageError
from sila_daemon.folder.secrets import (
    Derivation,
    default_derivation,
    open_secrets,
    read_secrets,
    replace_secrets,
    seal_secrets,
    write_secrets,
)
from sila_daemon.ports.disk import SystemDisk
from tests.folder.faulty_disk import FaultyDisk, until_it_completes
from tests.folder.spaces import FIXTURES, SeededRandomness

ID = "1033300934484daf854ead6cc1eded63"
VALUES = {"api-key-openai": "sk-1", "другой": "ключ-🔑", "cut": "x\ud83d"}


def test_what_the_original_sealed_opens() -> None:
    data = (FIXTURES / "workspace-main/space-v1/secrets").read_bytes()
    opened = open_secrets(data, ID)
    assert opened.values["api-key-openai"] == "sk-fixture-openai-0123456789"
    assert opened.derivation is Derivation.PLAIN


@pytest.mark.parametrize("derivation", Derivation)
def test_both_derivations(derivation: Derivation) -> None:
    sealed = seal_secrets(VALUES, ID, derivation, SeededRandomness())
    assert b"\n" not in sealed
    for spelled in (sealed, sealed + b"\n", b" " + sealed + b"\r\n"):
        opened = open_secrets(spelled, ID)
        assert (opened.values, opened.derivation) == (VALUES, derivation)


def test_the_current_derivation_needs_32_bytes() -> None:
    assert default_derivation(ID) is Derivation.PLAIN
    assert default_derivation("short") is Derivation.HASHED
    sealed = seal_secrets(VALUES, "short", Derivation.HASHED, SeededRandomness())
    assert open_secrets(sealed, "short").values == VALUES


def test_a_nonce_is_used_once() -> None:
    randomness = SeededRandomness()
    first, second = (seal_secrets(VALUES, ID, Derivation.PLAIN, randomness) for _ in range(2))
    assert base64.b64decode(first)[:12] != base64.b64decode(second)[:12]


@pytest.mark.parametrize(
    "data", [b"", b"not base64!", b"AAAA", b"A" * 100, base64.b64encode(bytes(100))]
)
def test_what_does_not_open_is_refused(data: bytes) -> None:
    with pytest.raises(SecretsError) as failed:
        open_secrets(data, ID)
    assert failed.value.message


@pytest.mark.parametrize("position", [0, 12, 40, -1])
def test_a_flipped_bit_is_found(position: int) -> None:
    raw = bytearray(
        base64.b64decode(seal_secrets(VALUES, ID, Derivation.PLAIN, SeededRandomness()))
    )
    raw[position] ^= 1
    with pytest.raises(SecretsError):
        open_secrets(base64.b64encode(raw), ID)


def test_an_absent_or_empty_file_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    assert read_secrets(SystemDisk(), path, ID) is None
    path.write_bytes(b"\n")
    assert read_secrets(SystemDisk(), path, ID) is None


@pytest.mark.parametrize("derivation", Derivation)
def test_it_is_rewritten_only_when_it_says_something_else(
    derivation: Derivation, tmp_path: Path
) -> None:
    path, disk, randomness = tmp_path / "secrets", SystemDisk(), SeededRandomness()
    path.write_bytes(seal_secrets(VALUES, ID, derivation, randomness))
    before = path.read_bytes()
    assert not write_secrets(disk, path, ID, VALUES, randomness)
    assert path.read_bytes() == before
    assert write_secrets(disk, path, ID, {"new": "value"}, randomness)
    opened = read_secrets(disk, path, ID)
    assert opened and (opened.values, opened.derivation) == ({"new": "value"}, derivation)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secrets"]


def test_what_another_program_wrote_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path, disk, randomness = tmp_path / "secrets", SystemDisk(), SeededRandomness()
    assert replace_secrets(disk, path, ID, {}, {"a": "1"}, randomness)
    write_secrets(disk, path, ID, {"theirs": "2"}, randomness)
    assert not replace_secrets(disk, path, ID, {"a": "1"}, {"a": "1", "b": "2"}, randomness)
    opened = read_secrets(disk, path, ID)
    assert opened and opened.values == {"theirs": "2"}
    assert replace_secrets(disk, path, ID, {"a": "1"}, {"theirs": "2"}, randomness)


def test_no_secrets_make_no_file(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    assert not write_secrets(SystemDisk(), path, ID, {}, SeededRandomness())
    assert not path.exists()


def test_a_file_that_a_cloud_tool_has_not_brought_is_no_absent_one(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    (tmp_path / ".secrets.icloud").touch()
    with pytest.raises(SecretsError, match="not brought"):
        read_secrets(SystemDisk(), path, ID)
    with pytest.raises(SecretsError, match="not brought"):
        write_secrets(SystemDisk(), path, ID, VALUES, SeededRandomness())
    assert not path.exists()


def test_a_file_that_does_not_open_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    path.write_bytes(b"somebody else's")
    with pytest.raises(SecretsError):
        write_secrets(SystemDisk(), path, ID, VALUES, SeededRandomness())
    assert path.read_bytes() == b"somebody else's"


def test_other_json_is_refused() -> None:
    sealed = seal_secrets({"a": 1}, ID, Derivation.PLAIN, SeededRandomness())  # type: ignore[dict-item]
    with pytest.raises(SecretsError) as failed:
        open_secrets(sealed, ID)
    assert failed.value.code == "secrets_bad_shape"


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_whatever_fails_the_old_or_the_new_is_there(error: int, tmp_path: Path) -> None:
    runs = itertools.count()

    def attempt(disk: FaultyDisk) -> None:
        path = tmp_path / str(next(runs)) / "secrets"
        path.parent.mkdir()
        write_secrets(SystemDisk(), path, ID, {"old": "1"}, SeededRandomness(1))
        try:
            write_secrets(disk, path, ID, VALUES, SeededRandomness(2))
        except StorageError:
            assert disk.has_failed
        opened = read_secrets(SystemDisk(), path, ID)
        assert opened and opened.values in ({"old": "1"}, VALUES)

    assert until_it_completes(error, attempt) == 5
