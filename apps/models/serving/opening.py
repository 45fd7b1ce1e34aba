"""Opening a version: in this process where that is safe and quick, in a worker process, or as another server's client."""

from __future__ import annotations

from contextlib import closing
from typing import BinaryIO

from django.conf import settings

from apps.core.asgi.pool import in_pool
from apps.core.tenancy import organization_scope
from apps.models.adapters.remote.client import RemoteExecutor
from apps.models.adapters.runtimes.loading import load_scorer
from apps.models.adapters.workers.pool import WorkerPool
from apps.models.domain.scoring import Executor, Scorer
from apps.models.domain.tables import VersionView
from apps.models.enums import Format
from apps.models.queries import serving as queries
from apps.models.serving.executors import InstantExecutor, LocalExecutor

LEAST_MEMORY = 1024 * 1024
TIMES_SIZE = 3
"""What a graph takes in memory, of its size on the disk."""


class Openers:
    """Serves one event loop, whose worker processes it owns; they are started with the first model that needs one."""

    def __init__(self) -> None:
        self._workers: WorkerPool | None = None

    async def open(self, organization_id: int, view: VersionView) -> Executor:
        """Raises `NotFound`, `ArtifactChanged`, `RuntimeMissing`, `ModelUnavailable`."""
        described = view.blueprint.described
        if described.format is Format.REMOTE:
            return RemoteExecutor(view.blueprint, timeout=settings.SIGNALBOX_PREDICTION_TIMEOUT)
        memory = LEAST_MEMORY + TIMES_SIZE * view.size
        if described.in_process or described.format is Format.SCORECARD:
            scorer = await in_pool(_load_here, organization_id, view)
            is_instant = described.format is not Format.ONNX
            return (InstantExecutor if is_instant else LocalExecutor)(scorer, memory)
        file = await in_pool(_open_bytes, organization_id, view)
        with closing(file):
            return await self._pool().load(view.public_id, view.blueprint, file)

    async def close(self) -> None:
        if self._workers is not None:
            await self._workers.close()

    def _pool(self) -> WorkerPool:
        if self._workers is None:
            self._workers = WorkerPool(
                workers=settings.SIGNALBOX_MODEL_WORKERS,
                memory=settings.SIGNALBOX_MODEL_WORKER_MEMORY,
                timeout=settings.SIGNALBOX_PREDICTION_TIMEOUT,
            )
        return self._workers


def _load_here(organization_id: int, view: VersionView) -> Scorer:
    with closing(_open_bytes(organization_id, view)) as file:
        return load_scorer(view.blueprint, f"/proc/self/fd/{file.fileno()}")


def _open_bytes(organization_id: int, view: VersionView) -> BinaryIO:
    with organization_scope(organization_id):
        return queries.open_version(view.key)
