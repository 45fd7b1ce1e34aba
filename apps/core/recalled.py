"""What is known of each organisation in this process: recalled on the loop, loaded through the pool, dropped when told.

What is known is swapped whole, so that a call under way keeps what it began with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from apps.core import changes
from apps.core.actor import Identity
from apps.core.asgi.pool import in_pool
from apps.core.tenancy import organization_scope

T = TypeVar("T")

CAPACITY = 2_000
"""Organisations remembered; beyond it the one loaded longest ago goes."""


class Recalled(Generic[T]):
    """Serves the loop; news come from any thread.

    `scope` is what the organisation's public id follows in the scopes of `core.changes`. `load` blocks; it is given the
    organisation's primary key, and acts within it.
    """

    def __init__(self, scope: str, load: Callable[[int], T]) -> None:
        self._scope = scope
        self._load = load
        self._known: dict[str, T] = {}
        self._loading: dict[str, asyncio.Task[T]] = {}
        self._news = 0
        self._lock = Lock()
        changes.on_change(scope, self.forget)

    def recall(self, organization: str) -> T | None:
        """What is known, by the organisation's public id; None when it would have to be loaded."""
        known = self._known.get(organization)
        return known if known is not None and changes.are_caches_trusted() else None

    async def find(self, identity: Identity) -> T:
        """What is known of the caller's organisation; of many that find nothing, one loads it for all."""
        if (known := self.recall(identity.organization)) is not None:
            return known
        name = identity.organization
        task = self._loading.get(name)
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.create_task(self._learn(name, identity.organization_id))
            self._loading[name] = task
        try:
            return await asyncio.shield(task)  # the first caller may hang up; the others still wait
        finally:
            if task.done() and self._loading.get(name) is task:
                del self._loading[name]

    def forget(self, scope: str = "") -> None:
        """Drop one organisation's, or with the bare scope or none all."""
        organization = scope.removeprefix(self._scope)
        with self._lock:
            self._news += 1
            self._loading.clear()  # what is being loaded may be older than the news
            if organization:
                self._known.pop(organization, None)
            else:
                self._known.clear()

    async def _learn(self, organization: str, organization_id: int) -> T:
        news = self._news
        loaded = await in_pool(self._load_within, organization_id)
        with self._lock:
            if news == self._news:
                while len(self._known) >= CAPACITY:
                    self._known.pop(next(iter(self._known)))
                self._known[organization] = loaded
        return loaded

    def _load_within(self, organization_id: int) -> T:
        with organization_scope(organization_id):
            return self._load(organization_id)
