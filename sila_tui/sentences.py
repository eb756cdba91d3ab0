"""States in words: the same sentences in every view, and never more hopeful than the facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_tui.words import Symbols, ago, clock_time, counted, exact_time, size, span, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from sila_tui.facts import Remote, SpaceFacts


@dataclass(frozen=True)
class Sentence:
    """A state with the words for it."""

    state: str
    words: str


class Sentences:
    """Says how things stand at the moment of asking."""

    def __init__(self, now: Callable[[], float], zone: tzinfo | None, symbols: Symbols) -> None:
        self._now = now
        self._zone = zone
        self._symbols = symbols

    def time_of_day(self, at: float) -> str:
        """The local time, with the date when it is not today's."""
        return clock_time(at, self._now(), self._zone)

    def exact_time(self, at: float) -> str:
        """The local time to the second, with the date when it is not today's; always as wide."""
        return exact_time(at, self._now(), self._zone)

    def overall(self, spaces: Sequence[SpaceFacts]) -> Sentence:
        """Whether everything is safe, in one sentence."""
        if not spaces:
            return Sentence("unknown", "nothing to look after yet")
        states = [space.state for space in spaces]
        problem = worst(states)
        state = "unknown" if "unknown" in states and problem == "current" else problem
        if state == "current":
            return Sentence(state, self._all_safe(spaces))
        concerned = next(space for space in spaces if space.state == state)
        others = sum(space.state != "current" for space in spaces) - 1
        tail = f" {self._symbols.dot} {others} more" if others else ""
        return Sentence(state, f"{concerned.title}: {self.of_space(concerned)}{tail}")

    def of_space(self, space: SpaceFacts, *, names_server: bool = True) -> str:
        """The state of one space; without the server's name where that stands beside it."""
        if space.state == "current":
            return self._agreed(space) if space.remotes else "saved here, on no server"
        if space.state == "syncing":
            owed = self._owed(space.unsent_ops, space.pending_files)
            return f"sending {owed}" if owed else space.reason or "syncing"
        if space.state == "offline":
            owed = self._owed(space.pending_ops, space.pending_files)
            said = self._unreached(space, names_server)  # Why stands beside the server itself.
            return f"{said}; {owed} {self._wait(space)}" if owed else said
        usual = {"paused": "paused", "unknown": "state unknown"}.get(space.state, "needs a look")
        return space.reason or usual

    def of_remote(self, remote: Remote) -> str:
        """The state of one server of a space."""
        if remote.state == "current" and remote.last_ack_at:
            return f"agreed {ago(self._now() - remote.last_ack_at)}"
        parts = []
        if remote.is_only_seen and remote.state == "syncing":
            return self._seen(remote)
        owed = self._owed(remote.pending_ops, remote.pending_files)
        if owed and remote.pending_bytes:
            owed += f" ({size(remote.pending_bytes)})"
        if remote.state == "syncing" and owed:
            parts.append(f"sending {owed}")
        else:
            parts.append(remote.reason or remote.state.replace("_", " "))
            since = remote.oldest_pending_at
            waits = f"{owed} to send" + (f" since {self.time_of_day(since)}" if since else "")
            parts += [waits] if owed else []
        if remote.retry_at and remote.retry_at > self._now():
            parts.append(f"retry in {span(remote.retry_at - self._now() + 0.5)}")
        return f" {self._symbols.dot} ".join(parts)

    def _seen(self, remote: Remote) -> str:
        """What a server that acknowledges nothing was seen to have."""
        unsent = remote.pending_ops - remote.unconfirmed_ops
        if unsent:
            said = f"sending {counted(unsent, 'op')}"
        elif remote.unconfirmed_ops:
            said = f"{counted(remote.unconfirmed_ops, 'op')} sent, not seen there yet"
        elif remote.last_ack_at:
            said = f"all seen there {ago(self._now() - remote.last_ack_at)}, never confirmed"
        else:
            said = remote.reason or "syncing"
        missing = " and ".join(remote.unsupported)
        return f"{said} {self._symbols.dot} no {missing} there" if missing else said

    def _all_safe(self, spaces: Sequence[SpaceFacts]) -> str:
        mirrored = [space for space in spaces if space.remotes]
        if not mirrored:
            return f"all saved here {self._symbols.dot} no server holds a copy"
        oldest = min(mirrored, key=lambda space: space.agreed_at or 0.0)
        local = len(spaces) - len(mirrored)
        only = f" {self._symbols.dot} {counted(local, 'space')} only here" if local else ""
        return f"all safe {self._symbols.dot} {self._agreed(oldest)}{only}"

    def _agreed(self, space: SpaceFacts) -> str:
        names = [remote.name for remote in space.remotes]
        who = names[0] if len(names) == 1 else counted(len(names), "server")
        at = space.agreed_at
        return f"agreed with {who}" + (f" {ago(self._now() - at)}" if at else "")

    def _unreached(self, space: SpaceFacts, names_server: bool) -> str:
        away = [remote for remote in space.remotes if remote.state == "offline"]
        if not away:
            return "not reached"
        since = away[0].last_ack_at
        when = f" since {self.time_of_day(since)}" if since else ""
        return f"{away[0].name} not reached{when}" if names_server else f"not reached{when}"

    def _owed(self, ops: int, files: int) -> str:
        parts = [counted(ops, "op")] if ops else []
        parts += [counted(files, "file")] if files else []
        return f" {self._symbols.dot} ".join(parts)

    def _wait(self, space: SpaceFacts) -> str:
        return "waits" if space.pending_ops + space.pending_files == 1 else "wait"
