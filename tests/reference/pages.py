"""Which parts of which pages are generated. Each stands between two comments that name it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.reference import http_routes, settings, tui_keys

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"

Parts = Mapping[str, Callable[[], str]]

PAGES: Mapping[str, Parts] = {
    "server-configuration.md": {"settings": settings.tables, "commands": settings.commands},
    "server-http.md": {"routes": http_routes.routes, "types": http_routes.types},
    "server-error-codes.md": {"http": http_routes.codes},
    "terminal-app.md": {
        "screens": tui_keys.screens,
        "commands": tui_keys.commands,
        "keys": tui_keys.keys,
    },
}


def renewed(text: str, parts: Parts) -> str:
    """Returns a page with its generated parts as the code has them now."""
    found = re.findall(r"<!-- generated: (\w+) -->", text)
    assert found == list(parts), f"the page has the parts {found}, and should have {list(parts)}"
    for name, make in parts.items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n\n{make()}\n{end}{after}"
    return text
