"""How the fake daemon makes and renames chats: as vertices of the space's tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.tui import sample

Json = dict[str, Any]
Vertices = dict[str, dict[str, Json]]


def references(vertices: Vertices, tree: str) -> list[str]:
    """What of the space's tree names a chat, the trash left out."""
    return [
        vertex
        for vertex, row in vertices[sample.WORK].items()
        if row["properties"].get("tid") == tree and row["parent"] != "0"
    ]


def new(vertices: Vertices, chats: list[Json], params: Json) -> Json:
    """Makes one."""
    tree, space = f"t-new-{len(chats)}", vertices[sample.WORK]
    [threads] = [key for key, row in space.items() if row["properties"].get("name") == "threads"]
    vertex, above = f"v-{tree}", params.get("parent") or threads
    space[vertex] = {"parent": above, "properties": {"tid": tree, "name": params["name"]}}
    chats.append({"tree": tree, "title": params["name"], "messages": 0})
    return {"tree": tree, "vertex": vertex}


def delete(vertices: Vertices, change: Callable[[Json, Json], str], params: Json) -> Json:
    """Moves one to the trash."""
    found = references(vertices, params["tree"])
    for vertex in found:
        change({"tree": sample.WORK}, {"do": "delete", "vertex": vertex})
    return {"vertices": found}


def rename(vertices: Vertices, chats: list[Json], params: Json) -> Json:
    """Gives one another name."""
    for vertex in references(vertices, params["tree"]):
        vertices[sample.WORK][vertex]["properties"]["name"] = params["name"]
    for chat in chats:
        if chat["tree"] == params["tree"]:
            chat["title"] = params["name"]
    return {}
