"""Rules of the house that neither ruff nor import-linter can say."""

from __future__ import annotations

import ast
import tomllib

import pytest
from django.db import models

from tests.architecture.source import Module, apps, forbid, modules
from tests.rig.environment import ROOT

JUNK_DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "tools"}
HOPS = {"sync_to_async", "database_sync_to_async", "async_to_sync"}
# What Django offers as coroutines; each hops to the one thread that all such hops share.
ASYNC_ORM = (
    {name for name in dir(models.QuerySet) if name[0] == "a" and hasattr(models.QuerySet, name[1:])}
    | {name for name in dir(models.Model) if name[0] == "a" and hasattr(models.Model, name[1:])}
    | {"aadd", "aremove", "aset", "aclear"}
)
QUERYSET_WORDS = {"objects", "filter", "exclude", "all", "values", "values_list", "order_by"}
DOMAIN_ROOMS = {"services", "queries", "permissions", "models", "domain", "enums", "errors"}
CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "date.today",
    "timezone.now",
    "time.time",
    "time.monotonic",
}
WITHOUT_ANATOMY = {"core", "console"}  # a kernel of named modules; pages

# A name below -> why it may. An entry that is no longer needed fails its test.
ALLOWED_MODEL_IMPORTS: dict[str, str] = {}
ALLOWED_HOPS: dict[str, str] = {}


def test_init_files_hold_a_docstring_and_no_code():
    with_code = [
        module.name
        for module in modules("apps", "config")
        if module.path.name == "__init__.py"
        and module.path.parent.name != "models"  # Django looks for an app's models there
        and [node for node in module.tree.body if not _is_docstring(node)]
    ]

    forbid(with_code, "an __init__.py holds a docstring and nothing else:")


def test_every_module_opens_with_a_docstring():
    silent = [
        module.name
        for module in modules("apps", "config")
        if not module.is_migration and not ast.get_docstring(module.tree)
    ]

    forbid(silent, "a module opens with what is here and what is not:")


def test_there_are_no_junk_drawers():
    drawers = [
        module.name
        for module in modules("apps", "config", "tests")
        if JUNK_DRAWERS & {part.removeprefix("_") for part in module.parts}
    ]

    forbid(drawers, "a module is named by what it holds:")


def test_coroutines_hop_to_the_pool_by_in_pool_only():
    hops = {
        f"{module.at(node)} {name}"
        for module in modules("apps")
        for node, name in _names(module)
        if name in HOPS and module.name not in ALLOWED_HOPS
    }

    forbid(hops, "these hops share one thread among all requests, use in_pool() of core.asgi:")


def test_no_coroutine_method_of_the_orm_is_called():
    calls = [
        f"{module.at(node)} .{node.func.attr}()"
        for module in modules("apps")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ASYNC_ORM
    ]

    forbid(calls, "hop once by in_pool() and call the plain method there:")


def test_no_queryset_is_iterated_by_a_coroutine():
    loops = [
        f"{module.at(node.iter)} async for … in {ast.unparse(node.iter)}"
        for module in modules("apps")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AsyncFor | ast.comprehension)
        and getattr(node, "is_async", True)
        and _looks_like_queryset(node.iter)
    ]

    forbid(loops, "hop once by in_pool() and return a list:")


def test_doors_read_through_queries():
    managers = [
        module.at(node)
        for module in modules("apps")
        if module.is_door
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager"}
    ]

    forbid(managers, "a door makes one call of a query or a service, never .objects:")


def test_models_of_another_app_are_imported_for_foreign_keys_only():
    crossings = {
        f"{module.at(node)} {name}"
        for module in modules("apps")
        for node, name in module.imports()
        if module.app and module.room != "models" and not module.is_migration
        if _models_owner(name) not in {"", "core", module.app}
        if f"{module.name} {name}" not in ALLOWED_MODEL_IMPORTS
    }

    forbid(crossings, "another app is read by its queries and changed by its services:")


def test_domain_code_knows_no_http():
    knowing = {
        f"{module.at(node)} {name}"
        for module in modules("apps")
        if module.app and module.app not in WITHOUT_ANATOMY and module.room in DOMAIN_ROOMS
        for node, name in module.imports()
        if name.startswith(("django.http", "django.urls", "django.views"))
    }

    forbid(knowing, "domain code knows no HTTP:")


def test_domain_is_pure():
    """No ORM, no framework, no clock: what it needs is handed in."""
    impure: set[str] = set()
    for module in modules("apps"):
        if module.room == "domain":
            impure |= {
                f"{module.at(node)} {name}"
                for node, name in module.imports()
                if name.startswith("django.") or _models_owner(name)
            }
            impure |= {
                f"{module.at(node)} {ast.unparse(node.func)}()"
                for node in ast.walk(module.tree)
                if isinstance(node, ast.Call) and ast.unparse(node.func) in CLOCKS
            }

    forbid(impure, "domain/ is pure, what it needs is handed in:")


def test_every_app_stands_in_the_contracts():
    contracts = {
        contract["id"]: contract
        for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
            "importlinter"
        ]["contracts"]
    }

    placed = {layer.strip("()") for layer in contracts["apps"]["layers"]}
    inside = {name.removeprefix("apps.") for name in contracts["inside"]["containers"]}
    forbid(set(apps()) - placed, "apps without a layer in pyproject.toml:")
    forbid(set(apps()) - WITHOUT_ANATOMY ^ inside, "containers of the contract `inside`:")


@pytest.mark.parametrize("app", apps())
def test_every_app_says_what_it_owns(app):
    opening = ast.get_docstring(ast.parse((ROOT / "apps" / app / "__init__.py").read_text()))

    assert opening, "what it owns, and whom it may use"


def test_every_exception_is_needed():
    used_hops = {
        module.name for module in modules("apps") for _, name in _names(module) if name in HOPS
    }
    used_models = {
        f"{module.name} {name}" for module in modules("apps") for _, name in module.imports()
    }

    forbid(set(ALLOWED_HOPS) - used_hops, "no longer needed:")
    forbid(set(ALLOWED_MODEL_IMPORTS) - used_models, "no longer needed:")


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _names(module: Module) -> list[tuple[ast.AST, str]]:
    """Names that are read or imported, whatever way."""
    found: list[tuple[ast.AST, str]] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name):
            found.append((node, node.id))
        elif isinstance(node, ast.Attribute):
            found.append((node, node.attr))
        elif isinstance(node, ast.ImportFrom):
            found.extend((node, alias.name) for alias in node.names)
    return found


def _looks_like_queryset(expression: ast.expr) -> bool:
    for node in ast.walk(expression):
        if isinstance(node, ast.Attribute) and node.attr in QUERYSET_WORDS:
            return True
        if isinstance(node, ast.Name) and "queryset" in node.id:
            return True
    return False


def _models_owner(name: str) -> str:
    """`keys` for `apps.keys.models.ApiKey` and for `apps.keys.models`."""
    parts = name.split(".")
    return parts[1] if len(parts) > 2 and parts[0] == "apps" and parts[2] == "models" else ""
