"""Is the house well? Probes run off the loop, at most once a second whoever asks, each bounded in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import TypeVar

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.core.errors import AppError, Unavailable
from apps.core.files import files

T = TypeVar("T")
PROBE_SECONDS = 2.0
FRESH_SECONDS = 1.0

NEEDED = frozenset({"database", "redis"})
"""Without these no traffic is taken. Without files most of it can be answered."""

STARTED = monotonic()


@dataclass(frozen=True, slots=True)
class Reading:
    is_connected: bool
    milliseconds: float
    detail: str = ""

    @property
    def state(self) -> str:
        return "connected" if self.is_connected else "disconnected"


Probe = Callable[[], str]


def probe_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return connection.vendor


def probe_redis() -> str:
    import redis  # noqa: PLC0415 - only where Redis is configured

    client = redis.Redis.from_url(
        settings.SIGNALBOX_REDIS_URL, socket_timeout=1, socket_connect_timeout=1
    )
    with client:
        client.ping()
    return "redis"


_is_migrated = False


def is_behind() -> bool:
    """Whether the database lacks migrations, looked up anew. Raises what Django raises when there is no asking it."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def has_pending_migrations() -> bool:
    """Reading the migrations takes a tenth of a second, so once none were left the question is settled."""
    global _is_migrated
    if not _is_migrated:
        _is_migrated = not is_behind()
    return not _is_migrated


class HealthMonitor:
    """Keeps the last readings; callers within a second share them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="health")
        self._readings: dict[str, Reading] = {}
        self._read_at = float("-inf")
        self._running: asyncio.Task[dict[str, Reading]] | None = None

    async def readings(self) -> dict[str, Reading]:
        if monotonic() - self._read_at < FRESH_SECONDS:
            return self._readings
        if (
            self._running is None
            or self._running.done()
            or self._running.get_loop() is not asyncio.get_running_loop()
        ):
            self._running = asyncio.create_task(self._read())
        return await asyncio.shield(self._running)

    async def lacks_migrations(self) -> bool:
        """Asked in the probes' threads: those of the pool may all be waiting for a database that hangs."""
        if _is_migrated:
            return False
        loop = asyncio.get_running_loop()
        looking = loop.run_in_executor(self._threads, _closing, has_pending_migrations)
        try:
            return await asyncio.wait_for(looking, PROBE_SECONDS)
        except TimeoutError:
            raise Unavailable("The database is away.", code="database_unavailable") from None

    async def _read(self) -> dict[str, Reading]:
        probes = _probes()
        results = await asyncio.gather(*(self._run(probe) for probe in probes.values()))
        self._readings = dict(zip(probes, results, strict=True))
        self._read_at = monotonic()
        return self._readings

    async def _run(self, probe: Probe) -> Reading:
        started = perf_counter()
        loop = asyncio.get_running_loop()
        try:
            detail = await asyncio.wait_for(
                loop.run_in_executor(self._threads, _closing, probe), PROBE_SECONDS
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the dependency is away
            said = error.message if isinstance(error, AppError) else type(error).__name__
            return Reading(False, _since(started), said)
        return Reading(True, _since(started), detail)


def _closing(probe: Callable[[], T]) -> T:
    # A health thread keeps no connection: it must notice at once when the server is away or back.
    try:
        return probe()
    finally:
        connection.close()


def _since(started: float) -> float:
    return round((perf_counter() - started) * 1000, 2)


def _probes() -> dict[str, Probe]:
    probes: dict[str, Probe] = {"database": probe_database}
    if settings.SIGNALBOX_REDIS_URL:
        probes["redis"] = probe_redis
    if settings.SIGNALBOX_S3 is not None:
        probes["files"] = files.probe
    return probes


monitor = HealthMonitor()
