"""What the codes of a refusal mean for whoever sent the op."""

from __future__ import annotations

LASTING_CODES = frozenset(
    {"malformed_op", "bad_id", "op_too_large", "value_not_json", "counter_out_of_range"}
)
"""The op itself is at fault: offering it again cannot help."""

SENDER_CODES = frozenset(
    {
        "counter_jump",
        "not_permitted",
        "read_only",
        "rate_limited",
        "quota",
        "auth_expired",
        "storage",
        "storage_full",
    }
)
"""Nothing is wrong with the ops: the sender waits, and offers them again."""

TOO_LARGE = "too_large"
"""The batch, not an op: smaller ones may pass."""

ENDS_CONNECTION = "ends_connection"
"""Our own: the server says nothing, and ends the connection each time that the op comes."""
