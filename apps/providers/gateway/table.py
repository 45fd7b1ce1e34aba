"""Route tables of this process, by organization."""

from __future__ import annotations

from apps.core.actor import Identity
from apps.core.recalled import Recalled
from apps.providers.domain.tables import RouteTable, RouteView
from apps.providers.errors import UnknownModel
from apps.providers.queries import tables
from apps.providers.topics import ROUTES_SCOPE

known = Recalled(ROUTES_SCOPE, tables.load_table)


def may_use(identity: Identity, model: str) -> bool:
    """A key may be bound to certain models; what it may not use looks as if it were not there."""
    return identity.models is None or model in identity.models


def route_of(table: RouteTable, identity: Identity, model: str) -> RouteView:
    route = table.routes.get(model)
    if route is None or not may_use(identity, model):
        raise UnknownModel(model)
    return route
