"""Wrong code that takes what it remembers for what there is, and does not hear of more."""

from __future__ import annotations

from sila_daemon.mirror.folder_layer import FolderLayer
from sila_daemon.mirror.remote_pusher import Pusher
from sila_daemon.mirror.remote_secrets import RemoteSecrets
from sila_daemon.mirror.wakes import News
from tests.simulation.mutants import plans
from tests.simulation.mutants.mutant import Mutant

_rung = FolderLayer._rung


def _is_no_news(_: RemoteSecrets, etag: str) -> bool:
    return False


def _looks_at_what_was_read(pusher: Pusher) -> None:
    pusher._wake.set()


def _hears_of_no_ops(layer: FolderLayer, news: News) -> None:
    if news is not News.OPS:
        _rung(layer, news)


HEARING: dict[str, Mutant] = {
    "changed_secrets_not_read": Mutant(RemoteSecrets, "told", _is_no_news, plans.NEWS),
    "new_debts_not_read": Mutant(Pusher, "wake", _looks_at_what_was_read, plans.NEWS),
    "ops_owed_to_folders_not_heard": Mutant(FolderLayer, "_rung", _hears_of_no_ops, plans.NEWS),
}
