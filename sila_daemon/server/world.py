"""The server without its carriers: accounts, spaces, and the rules who may use what.

HTTP routes, Socket.IO and the admin socket all stand on this object; a simulated world runs it
without any of them.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sila_daemon.core import ids
from sila_daemon.core.errors import (
    InvalidIdError,
    NotFoundError,
    ProtectionError,
    StorageError,
)
from sila_daemon.folder.problems import storage_errors
from sila_daemon.ports.disk import make_dirs
from sila_daemon.ports.durable_files import remove_temporaries
from sila_daemon.ports.randomness import new_id
from sila_daemon.server.accounts.audit import Audit
from sila_daemon.server.accounts.device_codes import DeviceCodes
from sila_daemon.server.accounts.directory import DEFAULT_NAME, Directory, checked_name
from sila_daemon.server.accounts.invites import Invites
from sila_daemon.server.accounts.page_forms import PageForms
from sila_daemon.server.accounts.passwords import Passwords
from sila_daemon.server.accounts.platform import PLATFORM_SCHEMA, SpaceInfo, User
from sila_daemon.server.accounts.sessions import Sessions
from sila_daemon.server.accounts.signing_keys import SigningKey, SigningKeys
from sila_daemon.server.accounts.tokens import Tokens
from sila_daemon.server.accounts.users import Accounts
from sila_daemon.server.files.usage_table import UsageTable
from sila_daemon.server.janitor import Janitor
from sila_daemon.server.limits.budget import Budget
from sila_daemon.server.limits.constants import RECEIVED_BYTES_MAX
from sila_daemon.server.limits.traffic import Traffic
from sila_daemon.server.metrics import Metrics
from sila_daemon.server.settings import ServerSettings
from sila_daemon.server.spaces.found_spaces import adopt_found
from sila_daemon.server.spaces.housekeeping import Housekeeping
from sila_daemon.server.spaces.open_spaces import Spaces
from sila_daemon.server.spaces.removal import Removal
from sila_daemon.server.sync.connections import Connections
from sila_daemon.server.sync.presence import Presence
from sila_daemon.server.sync.refusals import Refusals
from sila_daemon.server.sync.session_site import SessionSite

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.server.ports import Ports


LOG = logging.getLogger(__name__)

_EVER_NS = 2**63


@dataclass(slots=True)
class World:
    """Everything that one data folder holds."""

    server_id: str
    accounts: Accounts
    keys: SigningKeys
    audit: Audit
    directory: Directory
    invites: Invites
    removal: Removal
    device_codes: DeviceCodes
    page_forms: PageForms
    spaces: Spaces
    ports: Ports
    database: Database
    connections: Connections
    settings: ServerSettings
    metrics: Metrics
    usage: UsageTable
    housekeeping: Housekeeping
    site: SessionSite
    is_stopping: bool = False
    """Whether the process was asked to end: it takes nothing new any more."""

    @classmethod
    async def open(cls, data: Path, ports: Ports, settings: ServerSettings | None = None) -> Self:
        """Opens a data folder, making it at the first start. Raises StorageError."""

        path = data / "platform.sqlite"

        def prepare() -> None:
            with storage_errors(f"use {data}"):
                make_dirs(ports.disk, data / "spaces")
                remove_temporaries(ports.disk, data, _EVER_NS)
                if ports.disk.stat(path) is None:
                    # Before SQLite does, which lets everybody read what it makes.
                    ports.disk.create(path).close()

        await ports.workers.run(prepare)
        keys = SigningKeys(
            data / "signing.key", ports.disk, ports.workers, ports.randomness, ports.clock
        )
        await keys.load()
        database = await ports.databases.open(path, PLATFORM_SCHEMA)
        fresh_id = new_id(ports.randomness)

        def begin(connection: apsw.Connection) -> str:
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('server_id', ?)", (fresh_id,))
            row = connection.execute("SELECT value FROM meta WHERE key = 'server_id'").fetchone()
            assert row is not None
            return str(row[0])

        server_id = await database.write(begin)
        audit = Audit(database, ports.clock)
        tokens = Tokens(keys, server_id, ports.clock, ports.randomness)
        sessions = Sessions(database, tokens, ports.clock, ports.randomness, audit)
        passwords = Passwords(ports.workers)
        accounts = Accounts(database, sessions, passwords, ports.clock, ports.randomness, audit)
        directory = Directory(database, ports.clock)
        settings = settings or ServerSettings()
        metrics = Metrics()
        spaces = Spaces(data / "spaces", ports, settings, metrics)
        await spaces.scratch.clear()
        invites = Invites(database, directory, ports.clock, ports.randomness)
        grace_days = settings.accounts.grace_days
        removal = Removal(database, directory, sessions, spaces, ports.clock, audit, grace_days)
        accounts.is_sign_up_open = settings.accounts.sign_up == "open"
        codes = DeviceCodes(database, sessions, ports.clock, ports.randomness, audit)
        forms = PageForms(keys, ports.clock, ports.randomness)
        usage = UsageTable(database, spaces.quotas)
        await usage.load()
        housekeeping = Housekeeping(spaces, directory, ports.clock, audit, settings.files)
        site = SessionSite(
            server_id,
            ports.clock,
            ports.workers,
            Traffic(ports.clock, settings.traffic),
            Budget(RECEIVED_BYTES_MAX),
            Refusals(audit, ports.clock),
            Presence(ports.clock),
        )
        connections = Connections(accounts, directory, spaces, site, ports.randomness, audit)
        return cls(
            server_id, accounts, keys, audit, directory, invites, removal, codes, forms, spaces,
            ports, database, connections, settings, metrics, usage, housekeeping, site,
        )  # fmt: skip

    async def close(self) -> None:
        """Finishes what was begun and closes every database."""
        await self.spaces.close()
        try:
            await self.accounts.sessions.write_seen()
            await self.usage.write()
            await self.audit.flush()
        except StorageError as error:
            LOG.error("what was noted last is lost: %s", error.message)
        await self.database.close()

    async def run(self) -> None:
        """Does what is to be done now and then, until cancelled."""
        sessions = self.accounts.sessions
        janitor = Janitor(
            self.ports.clock,
            [
                self.connections.see,
                sessions.remove_expired,
                self.invites.remove_expired,
                self.device_codes.remove_expired,
                self.removal.purge_due,
                self.usage.write,
            ],
        )
        await adopt_found(self.spaces, self.directory, self.ports)
        await asyncio.gather(
            self.spaces.run(),
            self.audit.run(),
            janitor.run(),
            self.housekeeping.run(),
            self.site.presence.run(),
        )

    async def rotate_signing_key(self, *, is_leaked: bool = False) -> SigningKey:
        """Makes a new signing key; the old one is accepted until its last token has expired.

        A leaked one is given up at once, and every session ends. Raises StorageError.
        """
        if is_leaked:
            key = await self.keys.rotate(0)
            await self.accounts.sessions.end_all()
        else:
            key = await self.keys.rotate(await self.accounts.sessions.last_expiry())
        self.audit.note("signing_key_rotated", reason="leaked" if is_leaked else "")
        return key

    async def create_space(
        self, owner: User, name: str | None, space_id: object = None
    ) -> SpaceInfo:
        """Makes a space; with an id an empty one, for a space that a device has already.

        Raises UsageError, InvalidIdError, ProtectionError when the id is taken.
        """
        wanted = DEFAULT_NAME if name is None else checked_name(name)
        is_new = space_id is None
        chosen = new_id(self.ports.randomness) if is_new else ids.checked_uuid(space_id)
        if not is_new and chosen != space_id:
            raise InvalidIdError("a space id is 32 lower-case hex digits")
        if await self.directory.is_taken(chosen):
            raise ProtectionError("a space with this id is here already", code="taken")
        # Entered last: what an interruption leaves behind is a folder that nobody knows of.
        await self.spaces.make(chosen)
        if is_new:
            await self.spaces.plant(chosen, wanted)
        elif await self._holds_ops(chosen):
            # Of an import that was interrupted: nobody but an importer may have them.
            raise ProtectionError("a space with this id is here already", code="taken")
        return await self.directory.add(chosen, wanted, owner.id)

    async def _holds_ops(self, space_id: str) -> bool:
        async with self.spaces.use(space_id) as space:
            return space.hub.head.seq > 0

    async def space_of(self, space_id: str, user: User, *, sees_deleted: bool = False) -> SpaceInfo:
        """Returns a space that this user may see. Raises NotFoundError for any other."""
        info = await self.directory.find(space_id, user.id, sees_deleted=sees_deleted)
        if info is None:
            raise NotFoundError("not found")
        return info
