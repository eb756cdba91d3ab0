"""The tree drawn at the top of `sila_daemon.core.errors` is the tree that the code has."""

from __future__ import annotations

import importlib
import inspect

from sila_daemon.core import errors
from sila_daemon.core.errors import SilaError
from tests.architecture.sources import PACKAGES, modules

STEP = 2
"""Spaces that one level of the drawing is indented by."""


def drawn_edges(drawing: str) -> set[tuple[str, str]]:
    """The (parent, child) pairs of the first indented block that begins with the root."""
    lines = iter(inspect.cleandoc(drawing).splitlines())
    root = next(line for line in lines if line.split()[:1] == [SilaError.__name__])
    margin = len(root) - len(root.lstrip())
    path, edges = [root.split()[0]], set()
    for line in lines:
        if not line.strip():
            break
        depth, remainder = divmod(len(line) - len(line.lstrip()) - margin, STEP)
        assert remainder == 0 and 0 < depth <= len(path), f"indented by something else: {line!r}"
        name = line.split()[0]
        edges.add((path[depth - 1], name))
        path[depth:] = [name]
    return edges


def real_edges() -> set[tuple[str, str]]:
    """The (parent, child) pairs of all errors of the project, wherever they are defined."""
    for module in modules():
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    edges, waiting = set(), [SilaError]
    while waiting:
        parent = waiting.pop()
        for child in parent.__subclasses__():
            if child.__module__.partition(".")[0] in PACKAGES:
                edges.add((parent.__name__, child.__name__))
                waiting.append(child)
    return edges


def test_the_drawn_tree_is_the_real_one() -> None:
    assert drawn_edges(errors.__doc__ or "") == real_edges()


def test_a_drawing_is_read_by_its_indentation() -> None:
    drawing = """Text.

    SilaError     the root
      AError      one
        BError
      CError

    DError is only prose.
    """
    assert drawn_edges(drawing) == {
        ("SilaError", "AError"),
        ("AError", "BError"),
        ("SilaError", "CError"),
    }
