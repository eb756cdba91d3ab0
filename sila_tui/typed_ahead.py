"""Keys in the order in which they were typed: each is done with before the next one is given.

A key goes to what has the focus, and what it does (another focus, a screen over this one) may take
some messages. Whoever types on meanwhile, or pastes, means what comes then: without this, letters
after `:` would be keys of the screen below.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakSet

from textual import events
from textual.app import App
from textual.message import Message

from sila_tui.jobs import MOVES

if TYPE_CHECKING:
    from collections.abc import Callable, MutableSet

    from textual.message_pump import MessagePump
    from textual.screen import Screen
    from textual.worker import Worker

Typed: TypeAlias = events.Key | events.Paste

LOOK_S, PATIENCE_S = 0.1, 3.0
"""How often it is looked whether what was given a key is still there, and how long a key may take:
what takes it along when it is removed must not keep the next ones for ever."""
GLANCE_S = 0.02
"""How often it is looked whether what leads elsewhere has come there."""
ROUNDS = 2
"""How often it is asked whether a key is done with: the messages that it led to follow behind it
the way that it took itself, from the widget up to the app."""


class OrderedKeys(App[None]):
    """Gives keys one by one."""

    class DoneWith(Message):
        """Comes up behind everything that was on its way when it was sent."""

        def __init__(self, number: int, rounds: int) -> None:
            super().__init__()
            self.number = number
            self.rounds = rounds

    def __init__(self, *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self.is_slow_since: Callable[[float], bool] = lambda _: False
        """Whether something takes long that began then or later: no key waits for that."""
        self._typed: deque[Typed] = deque()
        self._number = 0
        self._is_busy = False
        self._typed_on: Screen[object] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._given_at = 0.0
        """The event loop's time."""
        self._slow_moves: set[Worker[object]] = set()
        """What leads elsewhere and was waited for long enough."""
        self._given: Typed | None = None
        """What was given last, until somebody has it: stopped it, or it came up to the app."""
        self._withdrawn: MutableSet[Typed] = WeakSet()
        """What was given once more, and may still be on its way: it is not to be done twice."""

    @property
    def is_typed_ahead(self) -> bool:
        """Whether keys wait, or one is not done with."""
        return self._is_busy or bool(self._typed)

    async def on_event(self, event: events.Event) -> None:
        """Has keys and pasted text wait for the ones before."""
        if isinstance(event, (events.Key, events.Paste)):
            if not event.is_forwarded:
                self._typed.append(event)
                await self._give_next()
                return
            if event in self._withdrawn:
                return
            if event is self._given:
                self._given = None
        await super().on_event(event)

    async def _give_next(self) -> None:
        if self._is_busy or not self._typed:
            return
        if self._is_moving():
            number = self._begin_wait()
            self._alarm = asyncio.get_running_loop().call_later(GLANCE_S, self._go_on, number)
            return
        if self.screen is not self._typed_on:
            # It may not be built yet, and what of it has the focus is not known before.
            self._typed_on = self.screen
            self._wait_for(self.screen, rounds=1)
            return
        event = self._given = self._typed.popleft()
        target = self.focused or self.screen
        self._given_at = asyncio.get_running_loop().time()
        self._is_busy = True
        try:
            await super().on_event(event)
        finally:
            if not event.is_forwarded:
                self._given = None  # The app itself did it.
            self._wait_for(target, rounds=ROUNDS)

    def _is_moving(self) -> bool:
        """Whether what was given leads elsewhere, and is to be waited for."""
        moves = {worker for worker in self.workers if worker.group in MOVES}
        now = asyncio.get_running_loop().time()
        is_slow = now - self._given_at >= PATIENCE_S or self.is_slow_since(self._given_at)
        self._slow_moves = moves if is_slow else moves & self._slow_moves
        return moves > self._slow_moves

    def _begin_wait(self) -> int:
        """The number of a wait that ends the one before it."""
        self._is_busy = True
        self._number += 1
        if self._alarm is not None:
            self._alarm.cancel()
        return self._number

    def _wait_for(self, target: MessagePump, rounds: int) -> None:
        number = self._begin_wait()
        until = asyncio.get_running_loop().time() + PATIENCE_S
        self._look_at(target, number, until)
        target.post_message(self.DoneWith(number, rounds))

    def _look_at(self, target: MessagePump, number: int, until: float) -> None:
        loop = asyncio.get_running_loop()

        def look() -> None:
            if not target.is_running:
                self._give_again()
                self._go_on(number)
            elif loop.time() >= until:
                # Whoever has it may still do it.
                self._given = None
                self._go_on(number)
            else:
                self._look_at(target, number, until)

        self._alarm = loop.call_later(LOOK_S, look)

    def _give_again(self) -> None:
        """Takes a key back that nobody had before its widget was removed."""
        event, self._given = self._given, None
        if event is None or event._stop_propagation:
            return
        self._withdrawn.add(event)
        if isinstance(event, events.Key):
            self._typed.appendleft(events.Key(event.key, event.character))
        else:
            self._typed.appendleft(events.Paste(event.text))

    def _go_on(self, number: int) -> None:
        # Behind what was asked of the app itself, such as another focus.
        self.call_later(self._done_with, number)

    async def _done_with(self, number: int) -> None:
        if number != self._number:
            return
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._is_busy = False
        await self._give_next()

    async def on_ordered_keys_done_with(self, message: DoneWith) -> None:
        """Asks once more, or gives the next key."""
        message.stop()
        if message.number != self._number:
            return
        self._given = None
        if message.rounds > 1:
            self._wait_for(self.focused or self.screen, message.rounds - 1)
        else:
            self._go_on(message.number)
