"""Which variables the program reads, and where the suite is running."""

from __future__ import annotations

import ast
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def program_variables() -> set[str]:
    """Every variable `config/` reads: the fields of its reader, `NAME_FILE` of each, and the rest.

    Found in the source, without importing it: this runs before any setting may be loaded.
    """
    names = set(declared_variables())
    return names | {f"{name}_FILE" for name in names} | direct_variables()


def direct_variables() -> set[str]:
    """What `config/` reads beside its reader."""
    found: set[str] = set()
    for path in (ROOT / "config").rglob("*.py"):
        found |= _read_directly(ast.parse(path.read_text()))
    return found - {"DJANGO_SETTINGS_MODULE"}


def declared_variables() -> dict[str, ast.expr | None]:
    """The fields of the BaseSettings class in config/env.py by their outside name, with defaults."""
    path = ROOT / "config" / "env.py"
    if not path.exists():
        return {}
    return {
        field.target.id.upper(): field.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "BaseSettings" for base in node.bases)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def _read_directly(tree: ast.Module) -> set[str]:
    """The constants in `os.environ["X"]`, `os.environ.get("X")` and `os.getenv("X")`."""
    found = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.ctx, ast.Load)
            and ast.unparse(node.value) == "os.environ"
        ):
            argument: ast.expr = node.slice
        elif (
            isinstance(node, ast.Call)
            and node.args
            and ast.unparse(node.func) in {"os.environ.get", "os.environ.pop", "os.getenv"}
        ):
            argument = node.args[0]
        else:
            continue
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            found.add(argument.value)
    return found


def is_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}
