"""All routes of the server: the tables of the modules that handle them."""

from __future__ import annotations

from sila_daemon.server.http.routes.auth import AUTH_RULES
from sila_daemon.server.http.routes.device import DEVICE_RULES
from sila_daemon.server.http.routes.exports import EXPORT_RULES
from sila_daemon.server.http.routes.files import FILE_RULES
from sila_daemon.server.http.routes.members import MEMBER_RULES
from sila_daemon.server.http.routes.operation import OPERATION_RULES
from sila_daemon.server.http.routes.packs import PACK_RULES
from sila_daemon.server.http.routes.spaces import SPACE_RULES
from sila_daemon.server.http.routes.uploads import UPLOAD_RULES

ROUTE_RULES = [
    *OPERATION_RULES,
    *AUTH_RULES,
    *DEVICE_RULES,
    *SPACE_RULES,
    *MEMBER_RULES,
    *FILE_RULES,
    *PACK_RULES,
    *UPLOAD_RULES,
    *EXPORT_RULES,
]
"""Every route of the server, each with the right that it needs."""
