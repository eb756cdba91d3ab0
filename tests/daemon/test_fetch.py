"""Which files come to a machine, said by commands, against a real server."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from sila_daemon.cli.fetch import bytes_of
from sila_daemon.cli.fetch_progress import ask_showing_files, progress_of
from sila_daemon.cli.output import Output
from sila_daemon.cli.wording import policy_words
from sila_daemon.core.errors import NotFoundError, UsageError
from tests.daemon.machine import Machine, serving, wait_until

pytestmark = pytest.mark.slow


PASSWORD = "a long password"


def sign_in(machine: Machine, url: str) -> None:
    account = {"email": "ann@example.org", "password": PASSWORD}
    machine.call("server.login", url=url, **account)


def status(machine: Machine, space: str) -> dict[str, Any]:
    found: dict[str, Any] = machine.call("daemon.status", space=space)["spaces"][0]
    return found


def put(machine: Machine, space: str, source: Path, size: int, path: str) -> None:
    source.write_bytes(path.encode().ljust(size, b"."))
    machine.call("file.put", space=space, source=str(source), path=path)


def test_files_stay_on_the_server_until_they_are_asked_for(tmp_path: Path) -> None:
    one, two = Machine(tmp_path / "one"), Machine(tmp_path / "two")
    source, out = tmp_path / "source", tmp_path / "out"
    with one.daemon(), two.daemon():
        with serving(tmp_path / "server", "ann@example.org", PASSWORD) as url:
            sign_in(one, url)
            sign_in(two, url)
            made = one.call("space.create", address="local://", name="S", servers=[url])
            space = made["id"]
            for size, path in ((10, "a/small"), (20, "a/other"), (5000, "large"), (9, "tiny")):
                put(one, space, source, size, path)
            one.call("space.sync", space=space)
            two.data("space", "clone", url, space, "--on-demand")
            wait_until(lambda: status(two, space)["filesAway"] == 4)
            wait_until(lambda: status(two, space)["state"] == "current")
            assert all(file["away"] for file in two.call("file.list", space=space)["files"])
            told = two.sila("status").stdout
            assert "left on the servers: 4 files, 5.0 kB (fetches files on demand)" in told
            assert two.data("file", "fetch", space, "a") == {"files": 2, "bytes": 30}

            limit = {"onDemand": False, "newerThanDays": None, "upToBytes": 1000}
            assert two.data("space", "fetch", space, "--up-to", "1kB") == limit
            wait_until(lambda: status(two, space)["files"] == 3)
            assert two.call("space.list")["spaces"][0]["fetch"] == limit
            shown = {"fetch": limit, "filesAway": 1, "bytesAway": 5000}
            assert two.data("space", "fetch", space) == shown
            two.call("space.set_fetch", space=space, newerThanDays=1.5)
            wait_until(lambda: status(two, space)["files"] == 4)
            two.call("space.set_fetch", space=space, onDemand=True)
            put(one, space, source, 7, "late")
            wait_until(lambda: status(two, space)["filesAway"] == 1)
            two.data("file", "get", space, "late", str(out))
            assert out.read_bytes() == source.read_bytes()
            put(one, space, source, 8, "later")
            one.call("space.sync", space=space)
            wait_until(lambda: status(two, space)["filesAway"] == 1)
        refused = two.refusal("file", "get", space, "later", str(tmp_path / "none"))
        assert refused == (8, "unreachable")
        assert two.refusal("space", "fetch", space, "all", "--up-to", "1MB") == (2, "usage")
        assert two.refusal("file", "fetch", space, "b")[1] == "no_file"
    with two.daemon():
        kept = {"onDemand": True, "newerThanDays": None, "upToBytes": None}
        assert two.call("space.list")["spaces"][0]["fetch"] == kept


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_a_call_on_a_terminal_gives_what_the_daemon_answers(
    machine: Machine, space: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SILA_HOME", str(machine.home))
    put(machine, space, tmp_path / "source", 10, "here")
    output = Output(as_json=False, stdout=io.StringIO(), stderr=Terminal())
    assert output.shows_progress
    answer = ask_showing_files(output, "file.fetch", space=space, path="here", tree=None)
    assert answer == {"files": 0, "bytes": 0}
    with pytest.raises(NotFoundError, match="no file"):
        ask_showing_files(output, "file.fetch", space=space, path="nowhere", tree=None)


def test_what_comes_is_shown_with_its_rate_and_the_time_that_is_left() -> None:
    def transfers(*coming: tuple[str, int, int | None], left: float | None) -> dict[str, Any]:
        names = ("direction", "done", "total")
        total = {"direction": "down", "bytesPerSecond": 2_000_000, "secondsLeft": left}
        return {
            "transfers": [dict(zip(names, one, strict=True)) for one in coming],
            "totals": [{"direction": "up"}, total],
        }

    assert progress_of(transfers(("up", 1, 2), left=1.0)) is None
    coming = transfers(("down", 500_000, 4_500_000), ("down", 7_000, None), left=2.0)
    assert progress_of(coming) == ("2.0 MB/s · 2 s left", 507, 4507)
    assert progress_of(transfers(("down", 0, 10), left=None)) == ("2.0 MB/s", 0, 0)


@pytest.mark.parametrize(
    ("text", "count"),
    [("800", 800), ("500kB", 500_000), ("1.5MB", 1_500_000), ("2 GB", 2_000_000_000), ("3B", 3)],
)
def test_sizes_as_people_write_them(text: str, count: int) -> None:
    assert bytes_of(text) == count


@pytest.mark.parametrize("text", ["0", "-1", "MB", "1 MiB", "", "1e9", "0.0001"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a size"):
        bytes_of(text)


def test_policies_are_told_in_words() -> None:
    nothing = {"onDemand": False, "newerThanDays": None, "upToBytes": None}
    assert policy_words(nothing) == "all files"
    assert policy_words({**nothing, "onDemand": True}) == "files on demand"
    both = {**nothing, "newerThanDays": 30, "upToBytes": 10_000_000}
    assert policy_words(both) == "files newer than 30 d, up to 10.0 MB"
