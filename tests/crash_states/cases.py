"""All cases, and how the calls of each are made to fail."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from tests.crash_states.append_cases import APPEND_CASES, MANY_CALLS
from tests.crash_states.blob_cases import BLOB_CASES
from tests.crash_states.failures import KINDS, Kind
from tests.crash_states.file_cases import FILE_CASES
from tests.crash_states.secrets_cases import SECRETS_CASES
from tests.crash_states.server_cases import SERVER_CASES
from tests.crash_states.store_cases import STORE_CASES

if TYPE_CHECKING:
    from tests.crash_states.case import Case

CASES: dict[str, Case] = {
    case.name: case
    for case in (
        *APPEND_CASES, *BLOB_CASES, *SECRETS_CASES, *STORE_CASES, *SERVER_CASES, *FILE_CASES
    )
}  # fmt: skip

SAME_TO_SQLITE = (Kind(errno.EACCES), Kind(errno.EMFILE), Kind(errno.EDQUOT))
"""SQLite knows a full disk and one that fails; one case has these and stands for the others."""

_FEWER_KINDS = {case.name for case in (*STORE_CASES[:3], *SERVER_CASES)}

FAILING: list[tuple[Case, Kind]] = [
    (case, kind)
    for case in CASES.values()
    if case not in APPEND_CASES or case in MANY_CALLS
    for kind in KINDS
    if case.name not in _FEWER_KINDS or not (kind in SAME_TO_SQLITE or kind.is_lasting)
]
