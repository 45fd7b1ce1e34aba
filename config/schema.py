"""The one GraphQL schema: the fields of the house, and those of every installed app that has a `graphql` module.

`manage.py write_contracts` writes it to schema.graphql, which is committed and compared.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import graphene
from django.conf import settings

from apps.core.graphql import root


def _modules() -> list[ModuleType]:
    """Each exports any of `Query`, `Mutation`, `Subscription`: plain classes of fields."""
    names = [f"{app}.graphql" for app in settings.INSTALLED_APPS if app.startswith("apps.")]
    rooms = [name for name in names if name != "apps.core.graphql" and find_spec(name) is not None]
    return [root, *map(import_module, rooms)]


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
