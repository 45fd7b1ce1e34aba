"""The source under guard, parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.rig.environment import ROOT

DOORS = ("rest", "graphql", "ws", "views")


@dataclass(frozen=True)
class Module:
    """One file: `name` as from the root of the repository, `parts` its folders and stem."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def parts(self) -> tuple[str, ...]:
        return self.path.relative_to(ROOT).with_suffix("").parts

    @property
    def app(self) -> str:
        """The app it belongs to, or nothing for files outside of one."""
        return self.parts[1] if self.parts[0] == "apps" and len(self.parts) > 2 else ""

    @property
    def room(self) -> str:
        """Its place in the anatomy of an app: `services`, `rest`, `models` …"""
        return self.parts[2] if self.app else ""

    @property
    def is_migration(self) -> bool:
        return "migrations" in self.parts

    @property
    def is_door(self) -> bool:
        return any(part.startswith(door) for part in self.parts[2:] for door in DOORS)

    def at(self, node: ast.AST) -> str:
        return f"{self.name}:{getattr(node, 'lineno', 1)}"

    def imports(self) -> Iterator[tuple[ast.AST, str]]:
        """Every imported module and member by its full dotted name, type-checking blocks apart."""
        for node in _runtime_nodes(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node, alias.name
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    yield node, f"{node.module}.{alias.name}"


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _runtime_nodes(node)


@cache
def modules(*roots: str) -> tuple[Module, ...]:
    found = []
    for root in roots:
        for path in sorted((ROOT / root).rglob("*.py")):
            text = path.read_text()
            found.append(Module(path, text, ast.parse(text, path.name)))
    return tuple(found)


def apps() -> list[str]:
    folders = (ROOT / "apps").iterdir() if (ROOT / "apps").exists() else ()
    return sorted(path.name for path in folders if (path / "__init__.py").exists())


def forbid(findings: Iterable[str], rule: str) -> None:
    """Fail with the rule and every place that breaks it, and nothing of how they were found."""
    lines = sorted(findings)
    if lines:
        pytest.fail("\n  ".join([rule, *lines]), pytrace=False)
