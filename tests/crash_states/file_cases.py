"""Small files that are replaced whole, and what is made once and then must never be another."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from sila_daemon import config
from sila_daemon.credentials.account import Account
from sila_daemon.credentials.token_file import AccountStore
from sila_daemon.folder.archive import export_space
from sila_daemon.folder.problems import storage_errors
from sila_daemon.folder.space_folder import SpaceFolder, create_space_folder
from sila_daemon.mirror.record import SpaceRecord
from sila_daemon.ports.durable_files import remove_temporaries
from sila_daemon.runtime.device import open_device
from sila_daemon.runtime.space_registry import SpaceRegistry
from sila_daemon.server.accounts.signing_keys import SigningKeys
from tests.crash_states.case import Case, Program, require
from tests.crash_states.replace_case import ReplaceCase, content, nothing

if TYPE_CHECKING:
    from tests.crash_states.machine import Machine
    from tests.simulation.disk import DiskView

HOME = Path("/home")
CONFIG, ACCOUNTS, SPACES = HOME / "config.toml", HOME / "accounts.json", HOME / "spaces.json"
DEVICE, KEYS, ZIP = HOME / "device.json", HOME / "keys", HOME / "space.zip"
SPACE, OTHER = "5f" * 16, "6e" * 16
EVER_NS = 2**63
OLD_TEXT, NEW_TEXT = "[sync]\n", "[sync]\n" + "# more\n" * 40

Open = Callable[["Machine"], Awaitable[str]]


async def untold(machine: Machine) -> str:
    """Is for cases that start another program."""
    raise AssertionError(machine)


class MadeOnceCase(Case):
    """Something drawn by chance: once it was given out, it stays."""

    everything = frozenset()

    def __init__(
        self,
        name: str,
        *,
        read: Callable[[DiskView], str | None],
        open: Open = untold,
        prepare: Callable[[Machine], Awaitable[None]] = nothing,
    ) -> None:
        """`open` returns what is there, made when nothing is."""
        self.name = name
        self.open = open
        self._read = read
        self._prepare = prepare

    async def prepare(self, machine: Machine) -> None:
        """Makes the place for it."""
        await self._prepare(machine)

    async def start(self, machine: Machine) -> Program:
        """Starts a process, which tidies up."""
        await tidy(machine)
        return MakingProgram(machine, self.open)

    async def verify(self, view: DiskView, acknowledged: frozenset[str]) -> None:
        """What was given out is what is there."""
        found = self._read(view)
        require(acknowledged <= {found}, f"{sorted(acknowledged)} was given out, there is {found}")


class MakingProgram:
    """A process that gives it out."""

    def __init__(self, machine: Machine, open: Open) -> None:
        self._machine = machine
        self._open = open

    async def act(self) -> None:
        """Opens it, or makes it."""
        self._machine.acknowledge(await self._open(self._machine))

    async def close(self) -> None:
        """Holds nothing."""


async def tidy(machine: Machine) -> None:
    if machine.view.find(HOME) is not None:
        with storage_errors("tidy up"):
            remove_temporaries(machine.view, HOME, EVER_NS)


async def _home(machine: Machine) -> None:
    machine.view.make_dir(HOME)


async def _old_config(machine: Machine) -> None:
    await _home(machine)
    config.save(machine.view, CONFIG, OLD_TEXT, machine.randomness)


async def _new_config(machine: Machine) -> None:
    config.save(machine.view, CONFIG, NEW_TEXT, machine.randomness)


def _config(view: DiskView) -> str:
    return (content(view, CONFIG) or b"").decode()


def _account(name: str) -> Account:
    return Account(f"https://{name}", None, name, None, None)


async def _old_account(machine: Machine) -> None:
    await _home(machine)
    await _save(machine, "old")


async def _new_account(machine: Machine) -> None:
    await _save(machine, "new")


async def _save(machine: Machine, name: str) -> None:
    store = AccountStore(ACCOUNTS, machine.view, machine.randomness, None)
    await store.load()
    await store.save(_account(name))


def _accounts(view: DiskView) -> list[str]:
    return sorted(msgspec.json.decode(content(view, ACCOUNTS) or b"")["accounts"])


async def _old_space(machine: Machine) -> None:
    await _home(machine)
    _put(machine, SPACE)


async def _new_space(machine: Machine) -> None:
    _put(machine, OTHER)


def _put(machine: Machine, space_id: str) -> None:
    registry = SpaceRegistry(SPACES, machine.view, machine.randomness)
    registry.load()
    registry.put(SpaceRecord(space_id))


def _spaces(view: DiskView) -> list[str]:
    found: Any = msgspec.json.decode(content(view, SPACES) or b"")
    return [space["id"] for space in found["spaces"]]


async def _space_folder(machine: Machine) -> None:
    await _home(machine)
    create_space_folder(Path("/space"), machine.view, machine.randomness, SPACE)


async def _export(machine: Machine) -> None:
    folder = SpaceFolder.open(Path("/space"), machine.view)
    export_space(folder, ZIP, machine.randomness, replace=True)


def _zipped(view: DiskView) -> list[str] | None:
    data = content(view, ZIP)
    if data is None:
        return None
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        require(archive.testzip() is None, "a file in the archive is damaged")
        return sorted(archive.namelist())


class ExportCase(ReplaceCase):
    """An archive of a folder that is looked through; what is in the way is told beside it."""

    is_coarse = True
    gets_over = 15


async def _device(machine: Machine) -> str:
    return open_device(DEVICE, machine.view, machine.randomness).id


def _device_id(view: DiskView) -> str | None:
    data = content(view, DEVICE)
    return None if data is None else msgspec.json.decode(data)["id"]


async def _key(machine: Machine) -> str:
    keys = SigningKeys(KEYS, machine.view, machine.workers, machine.randomness, machine.clock)
    await keys.load()
    return f"{keys.newest.id} {keys.newest.secret.hex()}"


def _written_key(view: DiskView) -> str | None:
    data = content(view, KEYS)
    return None if data is None else data.decode().splitlines()[-1].rsplit(" ", 1)[0]


FILE_CASES: tuple[Case, ...] = (
    ReplaceCase(
        "file: settings",
        prepare=_old_config, tidy=tidy, act=_new_config, read=_config, old=OLD_TEXT, new=NEW_TEXT,
    ),
    ReplaceCase(
        "file: accounts",
        prepare=_old_account, tidy=tidy, act=_new_account, read=_accounts,
        old=["https://old"], new=["https://new", "https://old"],
    ),
    ReplaceCase(
        "file: the daemon's spaces",
        prepare=_old_space, tidy=tidy, act=_new_space, read=_spaces, old=[SPACE],
        new=[SPACE, OTHER],
    ),
    ExportCase(
        "file: an export",
        prepare=_space_folder, tidy=tidy, act=_export, read=_zipped, old=None,
        new=["sila.md", "space-v1/space.json"],
    ),
    MadeOnceCase("file: the device's id", prepare=_home, open=_device, read=_device_id),
    MadeOnceCase("file: the server's key", prepare=_home, open=_key, read=_written_key),
)  # fmt: skip
