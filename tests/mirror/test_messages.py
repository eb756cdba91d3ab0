"""What a server sends is read op by op where one of the ops is odd."""

from __future__ import annotations

import pytest

from sila_daemon.core.errors import FormatError
from sila_daemon.core.ops import PropertyOp
from sila_daemon.mirror.messages import decode_ops_message

GOOD = b'{"id":{"counter":1,"peerId":"p"},"targetId":"v","key":"k","value":1.50}'
DEEP = b"[" * 50_000 + b"]" * 50_000
STEP = b'"prev":{"epoch":"e","seq":1,"tag":""},"cursor":{"epoch":"e","seq":3,"tag":"AA"}'


@pytest.mark.parametrize("value", [DEEP, b"NaN", b"1e999", b'{"a":' * 3_000 + b"1" + b"}" * 3_000])
def test_neighbours_of_a_bad_op_keep_their_spelling_and_the_step_its_place(value: bytes) -> None:
    bad = GOOD.replace(b"1.50", value)
    message = decode_ops_message(b'{"treeId":"abc","ops":[%b,%b],%b}' % (GOOD, bad, STEP))
    assert message.ops == [PropertyOp(1, "p", "v", "k", b"1.50")]
    assert [error.code for error in message.refused] == ["value_not_json"]
    assert (message.previous_seq, message.cursor and message.cursor.seq) == (1, 3)


def test_a_lone_surrogate_is_no_reason_to_refuse_anything() -> None:
    odd = GOOD.replace(b"1.50", b'"\\ud83d"').replace(b'"v"', b'"\\udc00"')
    message = decode_ops_message(b'{"ops":[%b],"treeId":"abc"}' % odd)
    assert message.ops == [PropertyOp(1, "p", "\udc00", "k", b'"\\ud83d"')]
    assert message.refused == [] and message.cursor is None


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"[]", b'{"ops":[]}', b'{"ops":{},"treeId":"abc"}', b'{"ops":[],"treeId":"../x"}',
     b'{"ops":[' + DEEP],
)  # fmt: skip
def test_what_is_no_message_is_a_format_error(payload: bytes) -> None:
    with pytest.raises(FormatError):
        decode_ops_message(payload)
