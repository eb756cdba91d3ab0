"""How a server stands, in words."""

from __future__ import annotations

import pytest

from sila_daemon.mirror.remote_status import RemoteState, RemoteStatus

URL = "https://s.example"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (f"{URL} cannot be reached: nothing listens there", None),
        (f"{URL}: nothing listens there", None),
        ("cannot be reached: nothing listens there", None),
        (f"{URL}:8443 is another one", f"{URL}:8443 is another one"),
        (f"{URL}.evil answers", f"{URL}.evil answers"),
        ("", "offline"),
    ],
)  # fmt: skip
def test_a_reason_does_not_begin_with_what_stands_beside_it(reason: str, told: str | None) -> None:
    status = RemoteStatus(URL)
    status.state, status.reason = RemoteState.OFFLINE, reason
    assert status.public_reason == (told or "nothing listens there")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"pending_ops": 1}, "1 change waits for the server"),
        ({"pending_ops": 2}, "2 changes wait for the server"),
        ({"pending_files": 1}, "1 file waits for the server"),
        ({"pending_files": 2}, "2 files wait for the server"),
        ({"head": 1, "server_head": 2}, "1 change is on the way from the server"),
        ({"server_head": 2}, "2 changes are on the way from the server"),
        ({"held_ops": 1}, "1 change waits for you before going there; see: sila-daemon held"),
    ],
)  # fmt: skip
def test_one_change_waits_and_two_wait(facts: dict[str, int], told: str) -> None:
    status = RemoteStatus(URL)
    status.state = RemoteState.LIVE
    for name, value in facts.items():
        setattr(status, name, value)
    assert status.public_reason == told
