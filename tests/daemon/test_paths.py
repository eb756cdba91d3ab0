"""Where things live, and what moves them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sila_daemon.core.errors import StorageError, UsageError
from sila_daemon.paths import control_socket, make_private_dir, user_paths
from sila_daemon.ports.unix_socket import SOCKET_PATH_BYTES_MAX


def test_sila_home_moves_everything(tmp_path: Path) -> None:
    paths = user_paths({"SILA_HOME": str(tmp_path)})
    for place in (paths.config_file, paths.registry_file, paths.lock_file, paths.log_file):
        assert tmp_path in place.parents
    assert paths.stores_dir.is_relative_to(tmp_path)
    assert paths.cache_dir.is_relative_to(tmp_path)


def test_without_it_the_platform_decides(tmp_path: Path) -> None:
    paths = user_paths({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert paths.socket == tmp_path / "sila-daemon" / "daemon.sock"
    assert "sila-daemon" in str(paths.data_dir)
    assert paths.config_dir != paths.log_dir


def test_a_relative_home_is_refused() -> None:
    with pytest.raises(UsageError):
        user_paths({"SILA_HOME": "here"})


def test_a_long_home_gets_a_short_socket_of_its_own(tmp_path: Path) -> None:
    sockets = {
        user_paths({"SILA_HOME": str(tmp_path / (name * 60))}).socket for name in ("ab", "cd")
    }
    assert len(sockets) == 2
    for socket in sockets:
        assert len(os.fsencode(socket)) <= SOCKET_PATH_BYTES_MAX


@pytest.mark.parametrize("part", ["short", "long" * 40, "below/../odd//"])
def test_commands_look_for_the_socket_where_the_daemon_listens(tmp_path: Path, part: str) -> None:
    (tmp_path / "run").mkdir()
    for environ in (
        {"SILA_HOME": f"{tmp_path}/{part}"},
        {"XDG_RUNTIME_DIR": str(tmp_path / "run")},
        {"XDG_RUNTIME_DIR": str(tmp_path / "nowhere")},
        {},
    ):
        assert control_socket(environ) == str(user_paths(environ).socket)


def test_a_relative_home_is_refused_to_commands_too() -> None:
    with pytest.raises(UsageError) as refused:
        control_socket({"SILA_HOME": "here"})
    assert str(Path("here").absolute()) in refused.value.hint


def test_a_private_dir_is_closed_to_others(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    make_private_dir(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    place.chmod(0o755)
    make_private_dir(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_link_in_the_place_of_a_private_dir_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StorageError):
        make_private_dir(tmp_path / "link")
