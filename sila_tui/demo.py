"""`make demo`: the whole chain on this machine, from one folder to another and back.

Starts a server and two daemons with homes of their own, mirrors a sample space from the first to
the second, edits on both sides, and shows that both folders say the same. Then it opens the TUI
on it or, without a terminal, prints what happened. Everything lives in one temporary directory
and ends with the demo; the programs are run as a person would run them.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.paths import user_paths

if TYPE_CHECKING:
    from collections.abc import Iterator

_EMAIL = "you@example.org"
_SERVER_START_S_MAX = 30
_STOP_S_MAX = 15
_INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SPACE = "Roastery notebook"


class DemoError(Exception):
    """A step did not do what it should."""


class Device:
    """One daemon with a home of its own."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        self.folder = home / "Notebook"
        self.environment = {**os.environ, "SILA_HOME": str(home / "sila"), "NO_COLOR": "1"}

    def run(self, *arguments: str, text: str = "") -> Any:
        """Runs `sila-daemon ... --json` and returns its data."""
        done = subprocess.run(
            [_program("sila-daemon"), *arguments, "--json"],
            input=text,
            capture_output=True,
            text=True,
            env=self.environment,
            check=False,
        )
        if done.returncode:
            raise DemoError(
                f"{self.name}: sila-daemon {' '.join(arguments)}\n{done.stdout}{done.stderr}"
            )
        return json.loads(done.stdout)["data"]

    def answers(self) -> bool:
        """Whether its daemon is there to be asked."""
        command = [_program("sila-daemon"), "space", "list"]
        done = subprocess.run(command, capture_output=True, env=self.environment, check=False)
        return done.returncode == 0

    def dump(self) -> bytes:
        """Returns the canonical dump of this device's folder, secrets included."""
        command = [
            _program("sila-daemon"),
            "space",
            "dump",
            str(self.folder),
            "--json",
            "--secrets",
        ]
        return subprocess.run(command, capture_output=True, env=self.environment, check=True).stdout


def main() -> int:
    """Runs the demo; returns the exit code."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    code = 0
    with ExitStack() as stack:
        with _uninterrupted():
            home = Path(tempfile.mkdtemp(prefix="sila-demo-"))
            stack.callback(shutil.rmtree, home, ignore_errors=True)
        try:
            laptop = _play(home, stack)
            if sys.stdin.isatty() and sys.stdout.isatty():
                _show_screen(laptop)
        except (DemoError, OSError, subprocess.CalledProcessError) as error:
            print(f"\nThe demo failed.\n{error}", file=sys.stderr)
            code = 1
        except KeyboardInterrupt:
            print("\nInterrupted; stopping everything …", file=sys.stderr)
            code = _INTERRUPTED
        for number in _SIGNALS:  # Nothing cuts the cleaning up short.
            signal.signal(number, _pass_over)
    print("Everything has been stopped and removed." if not home.exists() else f"Left: {home}")
    return code


def _play(home: Path, stack: ExitStack) -> Device:
    url = stack.enter_context(_server(home / "server"))
    laptop = stack.enter_context(_device("laptop", home, url))
    attic = stack.enter_context(_device("home server", home, url))

    _say("A sample space on the laptop, mirrored to the server, secrets too")
    created = laptop.run("space", "sample", str(laptop.folder), "--name", _SPACE)
    laptop.run("space", "add", str(laptop.folder), "--server", url, "--secrets", "mirror")
    space_id = created["id"]
    laptop.run("space", "sync", space_id)

    _say("The home server clones it into a folder of its own")
    attic.run("space", "clone", url, space_id, str(attic.folder), "--secrets", "mirror")
    attic.run("space", "sync", space_id)
    _compare(laptop, attic)

    _say("Both sides edit: a message and a secret on the laptop, a file on the home server")
    chats = laptop.run("chat", "list", space_id)["chats"]
    chat = next(chat["tree"] for chat in chats if chat["title"] == "Coffee roasting")
    laptop.run("chat", "send", space_id, chat, "Written on the laptop.")
    laptop.run("secret", "set", space_id, "api-key-demo", "--stdin", text="sk-demo")
    source = home / "from-the-attic.md"
    source.write_text("# Written on the home server\n", encoding="utf-8")
    attic.run("file", "put", space_id, str(source), "recipes/from-the-attic.md")
    for device in (laptop, attic, laptop):
        device.run("space", "sync", space_id)
    _compare(laptop, attic)
    _show_status(laptop)
    return laptop


def _compare(laptop: Device, attic: Device) -> None:
    """Waits until both folders say the same, and prints their hashes."""
    deadline = time.monotonic() + _SERVER_START_S_MAX
    dumps = [laptop.dump(), attic.dump()]
    while dumps[0] != dumps[1] and time.monotonic() < deadline:
        time.sleep(0.2)
        dumps = [laptop.dump(), attic.dump()]
    for device, dump in zip((laptop, attic), dumps, strict=True):
        content = json.loads(dump)
        op_count = sum(tree["ops"] for tree in content["trees"].values())
        files = len(content["files"]["static"]) + len(content["files"]["var"])
        print(
            f"    {device.name:<12} {op_count} ops in {len(content['trees'])} trees, "
            f"{files} files, {len(content['secrets'])} secrets"
            f"   sha256 {hashlib.sha256(dump).hexdigest()[:16]}…"
        )
    if dumps[0] != dumps[1]:
        raise DemoError("the two folders do not say the same")
    print("    the two folders say the same, byte for byte")


def _show_status(device: Device) -> None:
    shown = subprocess.run(
        [_program("sila-daemon"), "status"],
        capture_output=True,
        text=True,
        env=device.environment,
        check=False,
    )
    _say("sila-daemon status, on the laptop")
    for line in shown.stdout.splitlines():
        print(f"    {line}")


def _show_screen(laptop: Device) -> None:
    """Opens the TUI and returns when it is left."""
    try:
        input("\nPress Enter to open the TUI on the laptop (q leaves it) … ")
    except EOFError:
        print()
        return
    subprocess.run([_program("sila-tui"), _SPACE], env=_with_color(laptop), check=False)


@contextmanager
def _server(data: Path) -> Iterator[str]:
    """Starts a server on a free port and yields its URL."""
    _say("A server")
    command = [_program("sila-server"), "serve", "--data", str(data), "--port", "0"]
    log = data.parent / "server.log"
    with _running(command, log, dict(os.environ)) as process:
        assert process.stdout is not None
        url = next((line.split()[-1] for line in process.stdout if "http://" in line), None)
        if url is None:
            raise DemoError(f"the server did not start\n{log.read_text(encoding='utf-8')}")
        print(f"    listens on {url}")
        yield url


@contextmanager
def _device(name: str, home: Path, url: str) -> Iterator[Device]:
    """Runs a daemon and signs it in."""
    device = Device(name, home / name.replace(" ", "-"))
    device.home.mkdir()
    password = _password(home)
    _say(f"A daemon on the {name}, signed in as {_EMAIL}")
    log = device.home / "daemon.log"
    with (
        _without_its_socket_folder(device),
        _running([_program("sila-daemon"), "run"], log, device.environment) as process,
    ):
        while not device.answers():
            if process.poll() is not None:
                raise DemoError(f"the daemon ended\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.1)
        device.run("login", url, "--email", _EMAIL, "--password-stdin", text=password)
        yield device


@contextmanager
def _running(
    command: list[str], log: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Runs a program until the block ends; an interruption reaches it only from here."""
    process = None
    try:
        with _uninterrupted(), log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                start_new_session=True,
            )
        yield process
    finally:
        if process is not None:
            with _uninterrupted():
                _end(process)


@contextmanager
def _without_its_socket_folder(device: Device) -> Iterator[None]:
    """Removes at the end what a home with a long path needs elsewhere: a folder for its socket."""
    try:
        yield
    finally:
        folder = user_paths(device.environment).socket.parent
        if not folder.is_relative_to(device.home):
            shutil.rmtree(folder, ignore_errors=True)


def _end(process: subprocess.Popen[str]) -> None:
    """Asks a program to end, and ends it when it does not."""
    process.terminate()
    try:
        process.wait(_STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _pass_over(number: int, frame: object) -> None:
    """Not SIG_IGN, which the programs would inherit."""


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Puts an interruption off until the block has ended."""
    put_off: list[int] = []
    before = [signal.signal(number, lambda one, _: put_off.append(one)) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)
    if put_off:
        signal.raise_signal(signal.Signals(put_off[0]))


def _password(home: Path) -> str:
    """Makes the demo's account at the first call; returns its password."""
    kept = home / "password"
    if not kept.exists():
        kept.touch(0o600)
        kept.write_text(secrets.token_urlsafe(18), encoding="utf-8")
        arguments = ["--data", str(home / "server"), "user", "add", _EMAIL, "--password-stdin"]
        subprocess.run(
            [_program("sila-server"), *arguments],
            input=kept.read_text(encoding="utf-8"),
            text=True,
            capture_output=True,
            check=True,
        )
    return kept.read_text(encoding="utf-8")


def _with_color(device: Device) -> dict[str, str]:
    return {key: value for key, value in device.environment.items() if key != "NO_COLOR"}


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _say(what: str) -> None:
    print(f"\n● {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
