"""The one GraphQL schema: the fields of the house, and those of every installed app's `graphql` module or package.

`manage.py write_contracts` writes it to schema.graphql, which is committed and compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import graphene
from django.conf import settings

from apps.core.graphql import root


def _modules() -> list[ModuleType]:
    """Each exports any of `Query`, `Mutation`, `Subscription`: plain classes of fields."""
    rooms = [f"{app}.graphql" for app in settings.INSTALLED_APPS if app.startswith("apps.")]
    names = [name for room in rooms if room != "apps.core.graphql" for name in _names(room)]
    return [root, *map(import_module, names)]


def _names(room: str) -> Iterator[str]:
    """The module itself, or the modules of a package: one for each area of a large app."""
    spec = find_spec(room)
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        yield room
    else:
        found = iter_modules(spec.submodule_search_locations)
        yield from sorted(f"{room}.{module.name}" for module in found)


def _combined(kind: str, modules: list[ModuleType]) -> Any:
    parts = [part for module in modules if (part := getattr(module, kind, None)) is not None]
    return type(kind, tuple(parts), {}) if parts else None


def _schema() -> graphene.Schema:
    modules = _modules()
    return graphene.Schema(
        query=_combined("Query", modules),
        mutation=_combined("Mutation", modules),
        subscription=_combined("Subscription", modules),
    )


schema = _schema()
