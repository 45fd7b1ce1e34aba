"""Files and functions stay readable in one sitting. An exception states its reason."""

from __future__ import annotations

import ast

from tests.architecture.source import Module, forbid, modules

MOST_LINES = 400
MOST_FUNCTION_LINES = 60
FEWEST_WORDS = 4  # of a reason

# "path" or "path::function" -> why it may be longer. An entry that is no longer needed fails.
ALLOWED: dict[str, str] = {}


def test_files_and_functions_are_short_or_explained():
    unexplained = [
        f"{name}: {lines} lines" for name, lines in _all().items() if name not in ALLOWED
    ]

    forbid(unexplained, "split them, or give a reason in ALLOWED:")


def test_every_exception_is_needed_and_reasoned():
    forbid(set(ALLOWED) - set(_all()), "no longer needed:")
    forbid([name for name, why in ALLOWED.items() if len(why.split()) < FEWEST_WORDS], "why?")


def _all() -> dict[str, int]:
    found = {}
    for module in modules("apps", "config"):
        if not module.is_migration:  # written by Django
            found |= _long_parts(module)
    return found


def _long_parts(module: Module) -> dict[str, int]:
    parts = {module.name: module.text.count("\n")} if module.text.count("\n") > MOST_LINES else {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_FUNCTION_LINES:
                parts[f"{module.name}::{node.name}"] = lines
    return parts
