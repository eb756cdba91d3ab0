"""How much users and spaces may hold: what they hold, and what is promised to running uploads.

One process has a data folder, so what is promised needs no place on disk: an upload that a crash
ended holds nothing any more, and what it left is counted when its space is opened again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

import msgspec

from sila_daemon.core.errors import StorageFullError
from sila_daemon.server.files.file_rows import Used

QUOTA = "quota"
"""The code of a refusal for want of room; trying again helps once something is removed."""


class QuotaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most that one user, or one space, may hold; 0 means that there is no limit."""

    user_bytes_max: int = 0
    """Files of all spaces that the user sent."""
    user_files_max: int = 0
    """Their number."""
    space_bytes_max: int = 0
    """Files of the space, whoever sent them."""
    space_files_max: int = 0
    """Their number."""


class Quotas:
    """What every user holds, in all spaces together."""

    def __init__(self, limits: QuotaSettings) -> None:
        self.limits = limits
        self._held: dict[str, Mapping[str, Used]] = {}
        """By space, then by user."""
        self._totals: dict[str, Used] = {}
        """By user."""
        self._promised: dict[str, Used] = {}
        """By user."""
        self._changed: set[str] = set()

    def know(self, space_id: str, held: Mapping[str, Used]) -> None:
        """Takes over what the users of a space hold there now."""
        before = self._held.get(space_id, {})
        if held == before:
            return
        self._held[space_id] = held
        self._changed.add(space_id)
        for user_id in {**before, **held}:
            total = self.of_user(user_id).minus(before.get(user_id, Used()))
            self._totals[user_id] = total.plus(held.get(user_id, Used()))

    def forget(self, space_id: str) -> None:
        """Drops what is known about a space that is gone."""
        self.know(space_id, {})
        self._held.pop(space_id, None)

    def of_user(self, user_id: str) -> Used:
        """Returns what a user holds in all spaces."""
        return self._totals.get(user_id, Used())

    def of_space(self, space_id: str) -> Mapping[str, Used]:
        """Returns what each user holds in a space, as far as it is known."""
        return self._held.get(space_id, {})

    def take_changed(self) -> list[str]:
        """Returns the spaces whose usage changed since the last call, sorted."""
        changed, self._changed = self._changed, set()
        return sorted(changed)

    def change_again(self, spaces: Iterable[str]) -> None:
        """Takes back that these were taken."""
        self._changed.update(spaces)

    def promised(self, user_id: str) -> Used:
        """Returns what the running uploads of a user may still become."""
        return self._promised.get(user_id, Used())

    def promise(self, user_id: str, amount: Used) -> None:
        """Adds to what is promised; amounts may be negative."""
        total = self.promised(user_id).plus(amount)
        if total == Used():
            self._promised.pop(user_id, None)
        else:
            self._promised[user_id] = total


class SpaceLedger:
    """What one open space holds, by sender."""

    def __init__(self, space_id: str, quotas: Quotas) -> None:
        self._space_id = space_id
        self._quotas = quotas
        self._held: dict[str, Used] = {}
        self._promised = Used()

    @property
    def held(self) -> Used:
        """What the space holds in all."""
        total = Used()
        for used in self._held.values():
            total = total.plus(used)
        return total

    def know(self, held: dict[str, Used]) -> None:
        """Takes over what the space's rows say."""
        self._held = held
        self._quotas.know(self._space_id, {user: used for user, used in held.items() if user})

    def reserve(self, sender: str, size: int = 0) -> Reservation:
        """Promises room for one file. Raises StorageFullError with the code `quota`."""
        reservation = Reservation(self, sender)
        reservation.grow(Used(size, 1))
        return reservation

    def free_pass(self) -> Reservation:
        """Lets in what is counted already, such as a file that is sent once more."""
        return Reservation(None, "")

    def promise(self, sender: str, amount: Used) -> None:
        """Adds to what is promised; raises StorageFullError when that is too much."""
        if amount.bytes > 0 or amount.files > 0:
            self._check(sender, amount)
        self._promised = self._promised.plus(amount)
        if sender:
            self._quotas.promise(sender, amount)

    def _check(self, sender: str, amount: Used) -> None:
        limits = self._quotas.limits
        space = self.held.plus(self._promised).plus(amount)
        _refuse_over("this space", space, limits.space_bytes_max, limits.space_files_max)
        if sender:
            user = self._quotas.of_user(sender).plus(self._quotas.promised(sender)).plus(amount)
            _refuse_over("you", user, limits.user_bytes_max, limits.user_files_max)


def _refuse_over(who: str, wanted: Used, bytes_max: int, files_max: int) -> None:
    if bytes_max and wanted.bytes > bytes_max:
        raise StorageFullError(
            f"no room for this: {who} may hold {bytes_max} bytes of files", code=QUOTA
        )
    if files_max and wanted.files > files_max:
        raise StorageFullError(f"no room for this: {who} may hold {files_max} files", code=QUOTA)


class Reservation:
    """Room that is promised to one upload; leaving the context gives it back."""

    def __init__(self, ledger: SpaceLedger | None, sender: str) -> None:
        self._ledger = ledger
        self._sender = sender
        self._taken = Used()

    def grow(self, amount: Used) -> None:
        """Asks for more. Raises StorageFullError with the code `quota`."""
        if self._ledger is not None:
            self._ledger.promise(self._sender, amount)
        self._taken = self._taken.plus(amount)

    def cover(self, size: int) -> None:
        """Makes sure that there is room for `size` bytes in all."""
        if size > self._taken.bytes:
            self.grow(Used(size - self._taken.bytes))

    def release(self) -> None:
        """Gives everything back."""
        taken, self._taken = self._taken, Used()
        if self._ledger is not None:
            self._ledger.promise(self._sender, Used().minus(taken))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
