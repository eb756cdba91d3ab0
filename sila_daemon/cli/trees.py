"""`tree` and `vertex`: reading and editing from scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from sila_daemon.cli.daemon_call import ask, space_reference
from sila_daemon.core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from sila_daemon.cli.output import Output


def tree(arguments: argparse.Namespace, output: Output) -> None:
    """Lists the trees of a space, or what is at a path in one of them."""
    space = space_reference(arguments.space)
    if arguments.path is None:
        answer = ask("tree.list", space=space)
        if output.as_json:
            output.result(answer)
            return
        rows = [
            [one["id"], one["name"] or "", one["appId"] or one["role"], str(one["vertices"])]
            for one in answer["trees"]
        ]
        output.table(("id", "name", "kind", "vertices"), rows)
        return
    tree_id, *names = [part for part in arguments.path.split("/") if part]
    vertex = _walk(space, tree_id, names)
    details = ask("vertex.get", space=space, tree=tree_id, vertex=vertex)
    children = list(_children(space, tree_id, vertex))
    if output.as_json:
        output.result({"vertex": details, "children": children})
        return
    rows = [[child["id"], child["name"] or "", str(child["childCount"])] for child in children]
    output.table(("id", "name", "children"), rows)


def get(arguments: argparse.Namespace, output: Output) -> None:
    """Shows one vertex with its properties."""
    answer = ask(
        "vertex.get",
        space=space_reference(arguments.space),
        tree=arguments.tree,
        vertex=arguments.vertex,
    )
    lines = [f"{answer['id']}  {answer['path']}{'  (deleted)' if answer['deleted'] else ''}"]
    lines += [f"  {key} = {json.dumps(value)}" for key, value in answer["properties"].items()]
    output.result(answer, lines)


def new(arguments: argparse.Namespace, output: Output) -> None:
    """Makes a vertex and prints its id."""
    pairs = [text.partition("=") for text in arguments.properties]
    if not all(separator for _, separator, _ in pairs):
        raise UsageError("properties are written KEY=VALUE")
    properties = {key: value_of(text) for key, _, text in pairs}
    edit: dict[str, Any] = {"do": "new", "properties": properties}
    if arguments.parent is not None:
        edit["parent"] = arguments.parent
    answer = _apply(arguments, edit)
    output.result(answer, [answer["vertex"]])


def set_(arguments: argparse.Namespace, output: Output) -> None:
    """Sets one property."""
    value = arguments.value if arguments.text else value_of(arguments.value)
    edit = {"do": "set", "vertex": arguments.vertex, "key": arguments.key, "value": value}
    output.result(_apply(arguments, edit), ["Saved."])


def unset(arguments: argparse.Namespace, output: Output) -> None:
    """Removes one property."""
    edit = {"do": "unset", "vertex": arguments.vertex, "key": arguments.key}
    output.result(_apply(arguments, edit), ["Saved."])


def move(arguments: argparse.Namespace, output: Output) -> None:
    """Moves a vertex under another."""
    edit = {"do": "move", "vertex": arguments.vertex, "parent": arguments.parent}
    output.result(_apply(arguments, edit), ["Saved."])


def delete(arguments: argparse.Namespace, output: Output) -> None:
    """Moves a vertex to the trash."""
    edit = {"do": "delete", "vertex": arguments.vertex}
    output.result(_apply(arguments, edit), ["In the trash; `trash restore` puts it back."])


def trash(arguments: argparse.Namespace, output: Output) -> None:
    """Lists what was deleted."""
    space = space_reference(arguments.space)
    deleted: list[dict[str, Any]] = []
    after = None
    while True:
        page = ask("trash.list", space=space, tree=arguments.tree, after=after, limit=500)
        deleted += page["deleted"]
        after = page["next"]
        if after is None:
            break
    if output.as_json or not deleted:
        output.result({"deleted": deleted}, ["Nothing was deleted."])
        return
    rows = [
        [
            one["tree"],
            one["vertex"],
            one["name"] or "",
            str(one["childCount"]),
            f"{one['treeName'] or ''}{one['path'] or ' (gone)'}",
        ]
        for one in deleted
    ]
    output.table(("tree", "vertex", "name", "children", "deleted from"), rows)


def restore(arguments: argparse.Namespace, output: Output) -> None:
    """Puts a deleted vertex back."""
    edit = {"do": "restore", "vertex": arguments.vertex, "parent": arguments.parent}
    output.result(_apply(arguments, edit), ["Restored."])


def value_of(text: str) -> Any:
    """Reads JSON; what is not JSON is text. Raises UsageError for what no replica could keep."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text
    try:
        json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise UsageError(
            f"a number in {text!a:.80} is too large", hint="keep it as text with --text"
        ) from error
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _apply(arguments: argparse.Namespace, edit: dict[str, Any]) -> dict[str, Any]:
    answer = ask(
        "edit.apply",
        space=space_reference(arguments.space),
        tree=arguments.tree,
        edits=[edit],
        force=getattr(arguments, "force", False),
    )
    result: dict[str, Any] = answer["results"][0]
    return result


def _walk(space: str, tree_id: str, names: list[str]) -> str | None:
    """Returns the vertex at a path of names or ids below the root; None for the root."""
    vertex = None
    for name in names:
        children = _children(space, tree_id, vertex)
        found = next((child for child in children if name in (child["name"], child["id"])), None)
        if found is None:
            raise NotFoundError(f"there is no {name!r} at that place in the tree", code="no_vertex")
        vertex = found["id"]
    return vertex


def _children(space: str, tree_id: str, vertex: str | None) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = ask(
            "vertex.children", space=space, tree=tree_id, vertex=vertex, after=after, limit=500
        )
        yield from page["children"]
        after = page["next"]
        if after is None:
            return
