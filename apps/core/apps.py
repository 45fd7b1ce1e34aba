"""The kernel as a Django app: its checks, its tickers."""

from __future__ import annotations

import sys
from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    name = "apps.core"
    label = "core"
    verbose_name = "Core"

    def ready(self) -> None:
        from apps.core import changes, idempotency, metrics  # noqa: PLC0415 - models are ready only now
        from apps.core.asgi import access, ending, lifecycle  # noqa: PLC0415 - models are ready only now
        from apps.core.files import sweep  # noqa: PLC0415 - models are ready only now
        from apps.core.limits import factory as limits  # noqa: PLC0415 - as all of these
        from apps.core.limits import remote  # noqa: PLC0415 - as above
        from apps.core.rpc import process as rpc  # noqa: PLC0415 - as above
        from apps.core.spool import process as spool  # noqa: PLC0415 - models are ready only now

        # Every grant must be known before the first identity is made, not when a URL table happens to load.
        import_module("apps.core.system.permissions")
        autodiscover_modules("permissions", "receivers")

        remote.serve_limits(limits.get_store)
        lifecycle.on_start(rpc.serve)
        lifecycle.on_stop(rpc.stop)
        lifecycle.on_start(ending.begin)
        lifecycle.on_drain(ending.announce)
        lifecycle.every(changes.POLL_SECONDS, "changes", changes.poll_changes)
        lifecycle.every(5, "metrics", metrics.take_readings)
        lifecycle.on_stop(_close_http_session)
        spool.register_drain(access.KIND, access.drain_access)
        lifecycle.every(spool.TICK_SECONDS, "spool", spool.drain_all)
        lifecycle.every(sweep.SWEEP_SECONDS, "file_sweeper", sweep.sweep)
        lifecycle.every(3600, "idempotency", idempotency.forget_old_answers)


async def _close_http_session() -> None:
    """The client is seven megabytes that only a process which calls out has loaded."""
    client = sys.modules.get("apps.core.http_client.client")
    if client is not None:
        await client.close_session()
    if (pool := sys.modules.get("apps.core.http_client.pool")) is not None:
        pool.close_pool()
