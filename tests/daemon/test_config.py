"""Settings: what is refused, and with which suggestion."""

from __future__ import annotations

import pytest

from sila_daemon import config
from sila_daemon.core.errors import UsageError


def test_an_empty_file_is_the_defaults() -> None:
    assert config.parse("") == config.Config()


def test_the_template_changes_nothing_and_names_everything() -> None:
    text = config.template()
    assert config.parse(text) == config.Config()
    said = text.replace("# Settings", "## Settings").replace("\n# ", "\n")
    assert config.parse(said) == config.Config()
    assert len(said.splitlines()) > len(config.setting_names())


def test_what_is_written_counts() -> None:
    found = config.parse("[folder]\nscan_interval_s = 5\n[log]\nlevel = 'debug'\n")
    assert found.folder.scan_interval_s == 5
    assert found.log.level == "debug"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[folder]\nscan_intervall_s = 5", "folder.scan_interval_s"),
        ("[loggg]\nlevel = 'debug'", "log.level"),
        ("level = 'debug'", "log.level"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        config.parse(text)
    assert "there is no setting" in caught.value.message
    assert said in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "[folder",
        "[folder]\nscan_interval_s = 'x'",
        "[folder]\nscan_interval_s = 0",
        "log = 3",
        "[log]\nlevel = 'loud'",
        "[folder]\nscan_interval_s = nan",
    ],
)
def test_a_bad_value_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        config.parse(text)
    assert caught.value.code == "bad_config"


def test_setting_keeps_comments_and_the_rest() -> None:
    text = "# mine\n[log]\nlevel = 'info' # loud enough\n\n[folder] # disk\nscan_interval_s = 9\n"
    text = config.with_setting(text, "folder.scan_interval_s", "30")
    text = config.with_setting(text, "folder.append_interval_s", "1")
    text = config.with_setting(text, "server.retry_delay_s_max", "90")
    found = config.parse(text)
    assert "# mine" in text and "# loud enough" in text and "# disk" in text
    assert (found.folder.scan_interval_s, found.folder.append_interval_s) == (30, 1)
    assert found.server.retry_delay_s_max == 90


def test_setting_refuses_what_reading_would_refuse() -> None:
    for name, value in (("log.level", "loud"), ("log.levl", "info"), ("log.level", 'a"\n[x]')):
        with pytest.raises(UsageError):
            config.with_setting("", name, value)
