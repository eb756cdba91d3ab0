"""Secrets: the file of a folder, and the server's with what was removed beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.folder.secrets import open_secrets, write_secrets
from sila_daemon.folder.space_folder import remove_leftovers
from sila_daemon.server.spaces.space_secrets import SecretSet, SpaceSecrets, fingerprint
from tests.crash_states.replace_case import ReplaceCase, content

if TYPE_CHECKING:
    from tests.crash_states.machine import Machine
    from tests.simulation.disk import DiskView

SPACE = "5f" * 16
DIRECTORY = Path("/space/space-v1")
PATH = DIRECTORY / "secrets"
REMOVALS = DIRECTORY / "secrets-removed.json"
EVER_NS = 2**63
OLD = {"key": "old", "other": "stays"}
NEW = {"key": "new", "other": "stays"}
LESS = SecretSet({"other": "stays"}, {"key": fingerprint("old")})


async def _directory(machine: Machine) -> None:
    machine.view.make_dir(Path("/space"))
    machine.view.make_dir(DIRECTORY)


async def _old(machine: Machine) -> None:
    await _directory(machine)
    write_secrets(machine.view, PATH, SPACE, OLD, machine.randomness)


async def _tidy(machine: Machine) -> None:
    remove_leftovers(SpaceLayout(DIRECTORY.parent), machine.view, EVER_NS)


async def _new(machine: Machine) -> None:
    write_secrets(machine.view, PATH, SPACE, NEW, machine.randomness)


async def _remove_at_server(machine: Machine) -> None:
    secrets = SpaceSecrets(SPACE, PATH, machine.view, machine.randomness, machine.workers)
    await secrets.put(LESS, (await secrets.get()).etag)


def _read(view: DiskView) -> dict[str, str] | None:
    data = content(view, PATH)
    return None if data is None else open_secrets(data, SPACE).values


def _read_at_server(view: DiskView) -> tuple[dict[str, str], dict[str, str]]:
    """Returns what is in the file and was not removed since, and what was removed."""
    removed = json.loads(content(view, REMOVALS) or b"{}")
    values = _read(view) or {}
    kept = {name: text for name, text in values.items() if removed.get(name) != fingerprint(text)}
    return kept, removed


SECRETS_CASES = (
    ReplaceCase(
        "secrets: a folder's first",
        prepare=_directory, tidy=_tidy, act=_new, read=_read, old=None, new=NEW,
    ),
    ReplaceCase(
        "secrets: a folder's",
        prepare=_old, tidy=_tidy, act=_new, read=_read, old=OLD, new=NEW,
    ),
    ReplaceCase(
        "secrets: a server's, one removed",
        prepare=_old, tidy=_tidy, act=_remove_at_server, read=_read_at_server,
        old=(OLD, {}), new=(LESS.values, LESS.removed),
    ),
)  # fmt: skip
