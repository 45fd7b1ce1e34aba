"""Route tables of this process, by organization: recalled on the loop, loaded through the pool, dropped when told.

A table is swapped whole, so that a call under way keeps the one it began with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Lock

from apps.core import changes
from apps.core.actor import Identity
from apps.core.asgi.pool import in_pool
from apps.core.tenancy import organization_scope
from apps.providers.domain.tables import RouteTable, RouteView
from apps.providers.errors import UnknownModel
from apps.providers.queries import tables
from apps.providers.topics import ROUTES_SCOPE

CAPACITY = 2_000
"""Tables remembered; beyond it the one loaded longest ago goes."""


class Tables:
    """Serves the loop; news come from any thread."""

    def __init__(self, load: Callable[[int], RouteTable]) -> None:
        self._load = load
        self._known: dict[str, RouteTable] = {}
        self._loading: dict[str, asyncio.Task[RouteTable]] = {}
        self._news = 0
        self._lock = Lock()
        changes.on_change(ROUTES_SCOPE, self.forget)

    def recall(self, organization: str) -> RouteTable | None:
        table = self._known.get(organization)
        return table if table is not None and changes.are_caches_trusted() else None

    async def find(self, identity: Identity) -> RouteTable:
        """The organization's table; of many callers that find none, one loads it for all."""
        if (table := self.recall(identity.organization)) is not None:
            return table
        name = identity.organization
        task = self._loading.get(name)
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.create_task(self._learn(name, identity.organization_id))
            self._loading[name] = task
        try:
            return await asyncio.shield(task)  # the first caller may hang up; the others still wait
        finally:
            if task.done():
                self._loading.pop(name, None)

    def forget(self, scope: str = ROUTES_SCOPE) -> None:
        """Drop one organization's, or with the bare scope all."""
        organization = scope.removeprefix(ROUTES_SCOPE)
        with self._lock:
            self._news += 1
            self._loading.clear()  # what is being loaded may be older than the news
            if organization:
                self._known.pop(organization, None)
            else:
                self._known.clear()

    async def _learn(self, organization: str, organization_id: int) -> RouteTable:
        news = self._news
        table = await in_pool(self._load_within, organization_id)
        with self._lock:
            if news == self._news:
                while len(self._known) >= CAPACITY:
                    self._known.pop(next(iter(self._known)))
                self._known[organization] = table
        return table

    def _load_within(self, organization_id: int) -> RouteTable:
        with organization_scope(organization_id):
            return self._load(organization_id)


known = Tables(tables.load_table)


def may_use(identity: Identity, model: str) -> bool:
    """A key may be bound to certain models; what it may not use looks as if it were not there."""
    return identity.models is None or model in identity.models


def route_of(table: RouteTable, identity: Identity, model: str) -> RouteView:
    route = table.routes.get(model)
    if route is None or not may_use(identity, model):
        raise UnknownModel(model)
    return route
