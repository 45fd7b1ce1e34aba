"""Which version is meant, from memory: an organization's table until it is told of news, a version for good."""

from __future__ import annotations

from collections import OrderedDict

from apps.core.actor import Identity
from apps.core.asgi.pool import in_pool
from apps.core.recalled import Recalled
from apps.core.tenancy import organization_scope
from apps.models.domain.tables import ModelTable, ModelView, VersionView
from apps.models.errors import UnknownModel
from apps.models.queries import serving as queries
from apps.models.topics import MODELS_SCOPE

known: Recalled[ModelTable] = Recalled(MODELS_SCOPE, queries.load_table)
CAPACITY = 2_000
_versions: OrderedDict[int, VersionView] = OrderedDict()
"""By key. What a version says never changes, and which one is meant is the table's to say."""


async def find_model(identity: Identity, name: str) -> ModelView:
    """By name or id. Raises `UnknownModel`."""
    table = known.recall(identity.organization) or await known.find(identity)
    model = table.models.get(name)
    if model is None or not may_use(identity, model.name):
        raise UnknownModel
    return model


async def find_version(
    identity: Identity, name: str, tag: str | None
) -> tuple[ModelView, VersionView]:
    """Raises `UnknownModel`, `NotFound`, `NoProductionVersion`."""
    model = await find_model(identity, name)
    return model, await view_of(identity.organization_id, model.key_of(tag))


async def view_of(organization_id: int, key: int) -> VersionView:
    view = _versions.get(key)
    if view is None:
        view = await in_pool(_load, organization_id, key)
        _versions[key] = view
        while len(_versions) > CAPACITY:
            _versions.popitem(last=False)
    return view


def may_use(identity: Identity, model: str) -> bool:
    """A key may be bound to certain models; what it may not use looks as if it were not there."""
    return identity.models is None or model in identity.models


def forget_versions() -> None:
    """For tests, whose databases give keys out again."""
    _versions.clear()


def _load(organization_id: int, key: int) -> VersionView:
    with organization_scope(organization_id):
        return queries.load_version(key)
