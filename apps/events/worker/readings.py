"""Readings of this process for `system.metrics`, taken every few seconds while somebody follows it."""

from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import Any

import psutil
import structlog

from apps.core import live
from apps.core.asgi.pool import pool_load
from apps.core.ws.registry import registry
from apps.events.services.records import Records
from apps.events.topics import SYSTEM_METRICS

log = structlog.get_logger(__name__)

SECONDS = 5.0
LAG_SECONDS = 0.25


class LoopLag:
    """How late the event loop is: the worst of the time since the last look."""

    def __init__(self) -> None:
        self._worst = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def read(self) -> float:
        worst, self._worst = self._worst, 0.0
        return worst

    async def _watch(self) -> None:
        while True:
            before = monotonic()
            await asyncio.sleep(LAG_SECONDS)
            self._worst = max(self._worst, monotonic() - before - LAG_SECONDS)


loop_lag = LoopLag()


class Readings:
    """Takes readings of this process and gives them to whoever follows."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only starts the clock
        self._next = 0.0
        self._known: frozenset[int] = frozenset()

    def take(self, now: float) -> None:
        """Publish a reading when one is due; to somebody new at once."""
        organizations = frozenset(self._records.followed(SYSTEM_METRICS))
        newcomers, self._known = organizations - self._known, organizations
        if now >= self._next:
            self._next, newcomers = now + SECONDS, organizations
        if newcomers:
            reading = self.read()
            for organization_id in sorted(newcomers):
                self._records.publish(SYSTEM_METRICS, organization_id, [reading])

    def read(self) -> dict[str, Any]:
        load = pool_load()
        return {
            "process": os.getpid(),
            "cpu_percent": self._process.cpu_percent(),
            "memory_bytes": self._process.memory_info().rss,
            "loop_lag_ms": round(loop_lag.read() * 1000, 1),
            "pool_waiting": load["waiting"],
            "pool_threads": load["threads"],
            "sockets": registry.count,
            **_probed(),
        }


def _probed() -> dict[str, float]:
    found: dict[str, float] = {}
    for name, probe in live.probes().items():
        try:
            found[name] = probe()
        except Exception as error:  # noqa: BLE001 - one reading less
            log.warning("probe_failed", probe=name, error=repr(error))
    return found
