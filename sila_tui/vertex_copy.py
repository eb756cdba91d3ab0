"""What can be copied of a vertex: its id, its path, all of it as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_tui.contents import VertexFacts


def copy_forms(vertex: VertexFacts) -> list[tuple[str, str]]:
    """The forms by name, in the order of the list that a person chooses from."""
    whole = {"id": vertex.id, "parent": vertex.parent or None, "properties": vertex.properties}
    # Half an emoji cannot be written anywhere; escaped it can.
    text = json.dumps(whole, ensure_ascii=False, indent=2, default=str)
    if text.encode("utf-8", "replace").decode() != text:
        text = json.dumps(whole, indent=2, default=str)
    return [("Path", vertex.path or vertex.title), ("JSON", text), ("Id", vertex.id)]
