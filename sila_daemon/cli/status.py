"""`status`: one glance answers whether everything is safe; the words are those of the screen."""

from __future__ import annotations

import math
import os
import re
import time
from typing import TYPE_CHECKING, Any

from sila_daemon.cli.daemon_call import ask, space_reference
from sila_daemon.cli.output import one_line
from sila_daemon.cli.wording import away_lines, size
from sila_daemon.core.wording import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from sila_daemon.cli.output import Output

_WORST_FIRST = ("broken", "needs_you", "syncing", "offline", "paused", "current")
_SYMBOLS = dict(zip(_WORST_FIRST, "✕!◐○‖●", strict=True))
_ASCII_SYMBOLS = dict(zip(_WORST_FIRST, "x!~o=*", strict=True))
_STYLES = {"broken": "red", "needs_you": "yellow", "syncing": "cyan", "current": "green"}
_NOT_WELL = ("broken", "needs_you")


def status(arguments: argparse.Namespace, output: Output) -> int:
    """Says how everything is; exit code 1 when a space needs somebody."""
    space = None if arguments.space is None else space_reference(arguments.space)
    answer = ask("daemon.status", space=space)
    spaces = answer["spaces"]
    if output.as_json:
        output.result(answer)
        return exit_code(spaces)
    state, sentence = overall(spaces)
    output.line(f"{_symbol(state)} {sentence}", _STYLES.get(state, "dim"))
    for one in spaces:
        output.line()
        first, *details = space_lines(one)
        output.line(f"  {first}", _STYLES.get(one["state"], "dim"))
        for line in details:
            output.line(f"    {line}")
    return exit_code(spaces)


def exit_code(spaces: list[dict[str, Any]]) -> int:
    """1 when one of them is not well and only a person can help, else 0."""
    return 1 if any(space["state"] in _NOT_WELL for space in spaces) else 0


def overall(spaces: list[dict[str, Any]]) -> tuple[str, str]:
    """Returns the worst state, and what to say about all spaces together."""
    if not spaces:
        return "current", "running; no spaces yet. Add a folder with: sila-daemon space add PATH"
    worst = min((space["state"] for space in spaces), key=_rank)
    concerned = [space for space in spaces if space["state"] == worst]
    names = ", ".join(title(space) for space in concerned[:3])
    count = len(concerned)
    if worst == "current":
        agreed = [remote["lastAckAt"] for space in spaces for remote in space["remotes"]]
        if not agreed:
            return worst, "all saved on this machine; no servers"
        since = f" · agreed {ago(min(agreed))}" if all(agreed) else ""
        only_here = sum(not space["remotes"] for space in spaces)
        alone = f" · {counted(only_here, 'space')} only here" if only_here else ""
        return worst, f"all safe{since}{alone}"
    if worst == "syncing" and all(_is_only_unconfirmed(space) for space in concerned):
        return worst, f"{names}: everything was seen on a server that confirms nothing"
    waiting = sum(remote["pendingOps"] for space in spaces for remote in space["remotes"])
    wait = f"; {counted(waiting, 'op')} {'waits' if waiting == 1 else 'wait'}" if waiting else ""
    said = {
        "broken": f"{names}: {concerned[0]['reason'] or 'broken'}",
        "needs_you": f"{names} needs you: {concerned[0]['reason'] or 'see below'}",
        "syncing": f"syncing {names}{wait}",
        "offline": f"{_unreached(concerned)} not reached{wait}",
        "paused": f"{count} paused: {names}",
    }
    return worst, said.get(worst, f"{names}: {worst}")


def space_lines(space: dict[str, Any]) -> Iterator[str]:
    """Yields a headline, then what each layer holds and owes."""
    state = space["state"]
    where = one_line(short_path(space["path"])) if space["path"] else "no folder"
    is_told_below = any(_tells(remote, space["reason"]) for remote in space["remotes"])
    reason = f"  {one_line(space['reason'])}" if space["reason"] and not is_told_below else ""
    yield f"{_symbol(state)} {title(space)}  {where}  {state.replace('_', ' ')}{reason}"
    yield (
        f"{counted(space['ops'], 'op')} in {counted(space['trees'], 'tree')}"
        f" · {counted(space['files'], 'file')}, {size(space['bytes'])}"
    )
    if "transfers" in space:  # A daemon that has not been restarted yet says less.
        yield from away_lines(space)
        yield from transfer_lines(space["transfers"])
    if space.get("rebuilt"):
        yield _rebuilt_sentence(space["rebuilt"])
    folder = space["folder"]
    if folder is not None:
        owed = folder["pendingOps"]
        scanned = f", looked at {ago(folder['lastScan'])}" if folder["lastScan"] else ""
        yield f"folder: {f'{owed:,} ops wait to be written' if owed else 'has everything'}{scanned}"
        if folder.get("carrier"):
            yield f"folder: {one_line(folder['carrier'])} carries it to other machines"
        if folder.get("polling"):
            yield _polling_sentence(folder["polling"])
    for remote in space["remotes"]:
        yield f"{_symbol(remote['state'])} {remote['url']}: {_remote_sentence(remote)}"


def transfer_lines(transfers: dict[str, Any]) -> Iterator[str]:
    """Says what is on its way, where something is."""
    if not transfers["files"]:
        return
    for way, verb in (("up", "sending"), ("down", "receiving")):
        part = transfers[way]
        if not part["files"]:
            continue
        words = [f"{verb} {counted(part['files'], 'file')}, {size(part['bytes'])} left"]
        if part["bytesPerSecond"]:
            words.append(f"{size(part['bytesPerSecond'])}/s")
        if part["secondsLeft"] is not None:
            words.append(f"{time_left(part['secondsLeft'])} left")
        yield " · ".join(words)


def time_left(seconds: float) -> str:
    """Says how long something still takes, rounded up."""
    if seconds < 60:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def title(space: dict[str, Any]) -> str:
    """The space's name, else the beginning of its id."""
    return one_line(str(space["name"] or space["id"][:8]))


def ago(moment_ms: float) -> str:
    """Says how long ago Unix milliseconds were."""
    seconds = max(0, time.time() - moment_ms / 1000)
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def short_path(path: str) -> str:
    """Writes the home folder as people do."""
    home = os.path.expanduser("~")
    return f"~{path[len(home) :]}" if home != "/" and path.startswith(home + os.sep) else path


def _tells(remote: dict[str, Any], reason: str) -> bool:
    """Whether a reason of a space is that of a server, whose own line says it."""
    return bool(remote["reason"]) and reason == f"{remote['url']}: {remote['reason']}"


def _unreached(spaces: list[dict[str, Any]]) -> str:
    """Names the servers that are not reached, each once."""
    away = [
        remote["url"]
        for space in spaces
        for remote in space["remotes"]
        if remote["state"] == "offline"
    ]
    urls = list(dict.fromkeys(away))
    more = f" and {len(urls) - 3} more" if len(urls) > 3 else ""
    return ", ".join(urls[:3]) + more


def _is_only_unconfirmed(space: dict[str, Any]) -> bool:
    """Whether all that keeps a space from being current is a server that never says so."""
    folder = space["folder"]
    return not (folder and folder["pendingOps"]) and all(
        remote["state"] == "current" or _is_seen(remote) for remote in space["remotes"]
    )


def _is_seen(remote: dict[str, Any]) -> bool:
    return (
        remote.get("assurance") == "seen"
        and remote["state"] == "syncing"
        and not remote["pendingOps"]
        and bool(remote["lastAckAt"])
    )


def _polling_sentence(polling: dict[str, Any]) -> str:
    """Says why changes in a folder take a while to be seen, and what helps."""
    helps = f"; to end that: {one_line(polling['hint'])}" if polling["hint"] else ""
    reason = one_line(polling["reason"])
    return f"folder: polled every {polling['everySeconds']:g} s, because {reason}{helps}"


def _rebuilt_sentence(rebuilt: dict[str, Any]) -> str:
    """Says that the daemon's database is not the first one, and what came of that."""
    said = f"database made anew {ago(rebuilt['at'])}"
    if rebuilt["kept"] is None:
        return f"{said}: {one_line(rebuilt['reason'])}"
    unread = rebuilt["unreadOps"]
    lost = "an unknown number" if unread is None else f"{unread:,}"
    return (
        f"{said}: {counted(rebuilt['ops'], 'op')} read from the damaged one, {lost} not;"
        f" it is kept as {one_line(short_path(rebuilt['kept']))}"
    )


def _remote_sentence(remote: dict[str, Any]) -> str:
    is_original = remote.get("assurance") == "seen"
    waits = [
        counted(remote[key], what)
        for key, what in (("pendingOps", "op"), ("pendingFiles", "file"))
        if remote[key]
    ]
    parts = ["seen there" if _is_seen(remote) else remote["state"].replace("_", " ")]
    if remote["reason"]:
        parts.append(remote["reason"])
    if waits:
        oldest = f" since {ago(remote['oldestPendingAt'])}" if remote["oldestPendingAt"] else ""
        verb = "waits" if remote["pendingOps"] + remote["pendingFiles"] == 1 else "wait"
        parts.append(f"{' and '.join(waits)} {'not seen there' if is_original else verb}{oldest}")
    if remote["lastAckAt"]:
        parts.append(f"{'last seen' if is_original else 'agreed'} {ago(remote['lastAckAt'])}")
    if remote.get("unsupported"):
        parts.append(f"{' and '.join(remote['unsupported'])} do not go there")
    if remote["retryAt"] and remote["state"] == "offline":
        seconds = max(0, remote["retryAt"] / 1000 - time.time())
        parts.append(f"next try in {seconds:.0f} s")
    if re.match(r"http://(?!(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$))", remote["url"]):
        parts.append("not encrypted")
    return " · ".join(parts)


def _rank(state: str) -> int:
    return _WORST_FIRST.index(state) if state in _WORST_FIRST else 0


def _symbol(state: str) -> str:
    plain = os.environ.get("TERM") in ("dumb", "linux")
    return (_ASCII_SYMBOLS if plain else _SYMBOLS).get(state, "?")
