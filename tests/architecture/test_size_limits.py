"""Modules, functions and classes are small enough to read in one sitting, and say what they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.sources import Module, modules

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
CLASS_METHODS_MAX = 20

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def too_big(module: Module) -> Iterator[str]:
    """Says in words what in `module` is over a limit."""
    lines = len(module.text.splitlines())
    if lines > MODULE_LINES_MAX:
        yield f"{module.name} has {lines} lines"
    for node in ast.walk(module.tree):
        if isinstance(node, FUNCTION):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{module.name}:{node.lineno} {node.name} has {length} lines"
        elif isinstance(node, ast.ClassDef):
            methods = {child.name for child in node.body if isinstance(child, FUNCTION)}
            if len(methods) > CLASS_METHODS_MAX:
                yield f"{module.name}:{node.lineno} {node.name} has {len(methods)} methods"


def unexplained(module: Module) -> Iterator[str]:
    """Says in words what public name of `module` has no docstring."""
    if ast.get_docstring(module.tree) is None:
        yield f"{module.name} has no docstring"
    if not module.is_public:
        return
    for node in module.tree.body:
        if (
            isinstance(node, (*FUNCTION, ast.ClassDef))
            and not node.name.startswith("_")
            and ast.get_docstring(node) is None
        ):
            yield f"{module.name}:{node.lineno} {node.name} has no docstring"


def test_every_module_is_small_and_explained() -> None:
    found = [
        problem for module in modules() for problem in (*too_big(module), *unexplained(module))
    ]
    assert found == []


def test_limits_bite() -> None:
    body = "\n".join(["    x = 1"] * FUNCTION_LINES_MAX)
    methods = "\n".join(f"    def m{i}(self): ..." for i in range(CLASS_METHODS_MAX + 1))
    text = f"def f():\n{body}\n\nclass C:\n{methods}\n" + "y = 1\n" * MODULE_LINES_MAX
    module = Module("m", modules()[0].path, text, ast.parse(text))
    assert len([*too_big(module)]) == 3
    assert len([*unexplained(module)]) == 3
