"""The files of the fake daemon, made of its vertices: what a file tree means to the real one."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Set
from typing import Any

from tests.tui import sample

Json = dict[str, Any]


def listed(vertices: dict[str, dict[str, Json]], away: Set[str] = sample.AWAY) -> Json:
    """The answer to `file.list`; the bytes of what is `away` are on no disk of this machine."""
    files: list[Json] = []
    folders: list[Json] = []
    for tree_id, tree in vertices.items():
        top = next((key for key, row in tree.items() if _is_top(row, tree_id)), None)
        stack = [(top, "")] if top is not None else []
        while stack:
            vertex, path = stack.pop()
            folders.append({"tree": tree_id, "vertex": vertex, "path": path})
            for child, row in tree.items():
                if row["parent"] != vertex:
                    continue
                below = f"{path}/{row['properties']['name']}".lstrip("/")
                if "mimeType" in row["properties"]:
                    files.append(
                        _file(tree_id, child, below, row["properties"], is_here=below not in away)
                    )
                else:
                    stack.append((child, below))
    return {"files": files, "folders": folders}


def head(vertices: dict[str, dict[str, Json]], params: Json) -> Json:
    """The answer to `file.head`."""
    name = vertices[params["tree"]][params["vertex"]]["properties"]["name"]
    data = sample.CONTENTS.get(name, b"\x00\x01 not text")
    kept = data[: params["limit"]]
    return {"data": b64encode(kept).decode(), "isWhole": kept == data}


def trashed(vertices: dict[str, dict[str, Json]], places: dict[str, str | None]) -> Json:
    """The answer to `trash.list`."""
    names = {row["id"]: row["name"] for row in sample.TREES}
    found = [
        {
            "tree": tree_id, "treeName": names.get(tree_id), "vertex": vertex,
            "name": row["properties"].get("name"), "created": sample.ms(900),
            "childCount": sum(other["parent"] == vertex for other in tree.values()),
            "parent": places.get(vertex), "path": _path(tree, places.get(vertex)),
        }
        for tree_id, tree in vertices.items()
        for vertex, row in tree.items()
        if row["parent"] == "0"
    ]  # fmt: skip
    return {"deleted": found, "next": None}


def _is_top(row: Json, tree_id: str) -> bool:
    return bool(row["parent"] == tree_id and row["properties"].get("name") == "files")


def _file(tree: str, vertex: str, path: str, properties: Json, *, is_here: bool) -> Json:
    return {
        "tree": tree, "vertex": vertex, "path": path, "mimeType": properties["mimeType"],
        "size": properties["size"], "hash": properties.get("hash"), "id": properties.get("id"),
        "here": is_here, "away": not is_here,
    }  # fmt: skip


def _path(tree: dict[str, Json], vertex: str | None) -> str | None:
    names: list[str] = []
    while vertex is not None and tree[vertex]["parent"] is not None:
        names.insert(0, str(tree[vertex]["properties"].get("name", vertex)))
        vertex = tree[vertex]["parent"]
    return "/" + "/".join(names) if vertex is not None else None
