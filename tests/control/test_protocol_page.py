"""The page on the control protocol says what the code does, method by method."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from sila_daemon.control import messages
from sila_daemon.control.connection import EVENTS_WAITING_MAX
from sila_daemon.control.methods import METHODS, PROTOCOL_VERSION

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "control-protocol.md").read_text(encoding="utf-8")


def sections() -> dict[str, str]:
    """The text under each heading of a method."""
    parts = re.split(r"^### `([^`]+)`$", PAGE.partition("\n## Shapes\n")[0], flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def structs_in(kind: Any) -> set[type[msgspec.Struct]]:
    """The structs that a type is made of, below the top one."""
    found = {struct for part in get_args(kind) for struct in structs_in(part)}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        found.add(kind)
        for field in msgspec.structs.fields(kind):
            found |= structs_in(field.type)
    return found


def test_every_method_and_no_other_is_explained() -> None:
    assert list(sections()) == list(METHODS)
    assert f"Version {PROTOCOL_VERSION}." in PAGE


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_and_result_is_named(name: str) -> None:
    takes, _, answers = sections()[name].partition("Answers ")
    named = set(re.findall(r"`(\w+)` \(", takes))
    assert named == {field.encode_name for field in msgspec.structs.fields(METHODS[name].params)}
    result = METHODS[name].result
    if issubclass(result, msgspec.Struct):
        named = set(re.findall(r"`(\w+)` \(", answers))
        assert named == {field.encode_name for field in msgspec.structs.fields(result)}


def test_every_shape_is_explained() -> None:
    shapes = dict(re.findall(r"^- \*\*(\w+)\*\*: (.*)$", PAGE, flags=re.MULTILINE))
    for method in METHODS.values():
        for struct in structs_in(method.result) - {method.result, dict}:
            fields = {field.encode_name for field in msgspec.structs.fields(struct)}
            assert fields == set(re.findall(r"`(\w+)` \(", shapes[struct.__name__]))
    for edit in get_args(messages.Edit):
        [line] = re.findall(rf'^- `{{"do": "{edit.__struct_config__.tag}"}}` (.*)$', PAGE, re.M)
        fields = {field.encode_name for field in msgspec.structs.fields(edit)}
        assert fields == set(re.findall(r"`(\w+)` \(", line))


def test_every_code_of_ours_is_in_the_table() -> None:
    """Codes that the control package and the runtime give themselves."""
    listed = set(re.findall(r"`(\w+)`", PAGE.partition("## Errors")[2].partition("## Events")[0]))
    places = [ROOT / "sila_daemon" / name for name in ("control", "runtime")]
    text = "".join(path.read_text() for place in places for path in place.rglob("*.py"))
    raised = set(re.findall(r'code="(\w+)"', text)) | set(re.findall(r'refused\(\s*"(\w+)"', text))
    of_clients = {"connection_lost", "foreign_daemon", "socket", "not_stopped", "not_started"}
    assert raised - of_clients <= listed


def test_figures_are_those_of_the_code() -> None:
    assert f"more than {EVENTS_WAITING_MAX:,} events behind" in PAGE


def test_what_may_be_cancelled_is_listed() -> None:
    [rule] = re.findall(r"Only what\s+reads or waits is ended:(.*?);", PAGE, re.DOTALL)
    listed = re.findall(r"`([^`]+)`", rule)
    assert listed == [name for name, method in METHODS.items() if method.may_end]
