"""What each method of the local protocol does, one module for each group of methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.control.handlers.chats import ChatHandlers
from sila_daemon.control.handlers.daemon import DaemonHandlers
from sila_daemon.control.handlers.edits import EditHandlers
from sila_daemon.control.handlers.file_conflicts import FileConflictHandlers
from sila_daemon.control.handlers.files import FileHandlers
from sila_daemon.control.handlers.held import HeldHandlers
from sila_daemon.control.handlers.outbox import OutboxHandlers
from sila_daemon.control.handlers.search import SearchHandlers
from sila_daemon.control.handlers.secrets import SecretHandlers
from sila_daemon.control.handlers.servers import ServerHandlers
from sila_daemon.control.handlers.spaces import SpaceHandlers
from sila_daemon.control.handlers.transfers import TransferHandlers
from sila_daemon.control.handlers.trash import TrashHandlers
from sila_daemon.control.handlers.trees import TreeHandlers

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.handlers.local_files import LocalFiles
    from sila_daemon.control.host import Accounts, Process, SpaceKeeper


def all_handlers(
    process: Process, spaces: SpaceKeeper, accounts: Accounts, local: LocalFiles
) -> dict[str, Handler]:
    """Returns every method with its handler."""
    groups = (
        DaemonHandlers(process, spaces),
        SpaceHandlers(spaces),
        TreeHandlers(spaces),
        EditHandlers(spaces),
        TrashHandlers(spaces),
        SearchHandlers(spaces),
        ChatHandlers(spaces),
        FileHandlers(spaces, local),
        FileConflictHandlers(spaces),
        TransferHandlers(spaces),
        SecretHandlers(spaces),
        ServerHandlers(accounts),
        OutboxHandlers(spaces, local),
        HeldHandlers(spaces),
    )
    routes = {name: handler for group in groups for name, handler in group.routes().items()}
    return {name: _with_names(handler, spaces) for name, handler in routes.items()}


def _with_names(handler: Handler, spaces: SpaceKeeper) -> Handler:
    """Waits, at the daemon's start, for the names that a request may mean a space by."""

    async def handled(params: Any) -> Any:
        if reference := getattr(params, "space", None):
            await spaces.named(reference)
        return await handler(params)

    return handled
