"""The app's registration: permissions are declared, the sealer and sweeper tick, the publisher runs beside a server."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from apps.events.worker.deliverer import Deliverer
    from apps.events.worker.publisher import Publisher

SWEEP_SECONDS = 60.0


class EventsConfig(AppConfig):
    name = "apps.events"
    label = "events"
    verbose_name = "Events"
    default_auto_field = "django.db.models.BigAutoField"
    publisher: Publisher | None = None
    deliverer: Deliverer | None = None

    def ready(self) -> None:
        # Local: these need the app registry, which is complete only now.
        from apps.core import live  # noqa: PLC0415
        from apps.core.asgi import lifecycle  # noqa: PLC0415
        from apps.events import permissions  # noqa: F401, PLC0415
        from apps.events.hub import hub  # noqa: PLC0415
        from apps.events.services import audit, retention  # noqa: PLC0415
        from apps.events.services.stream import Stream  # noqa: PLC0415

        live.register_stream(Stream(hub))
        lifecycle.every(0.5, "audit_sealer", audit.seal_pending)
        lifecycle.every(SWEEP_SECONDS, "event_sweeper", retention.sweep)
        lifecycle.on_start(self._start)
        lifecycle.on_stop(self._stop)

    async def _start(self) -> None:
        # Local: as above; and only a server pays for it.
        from django.conf import settings  # noqa: PLC0415

        from apps.core import live  # noqa: PLC0415
        from apps.core.asgi.pool import in_pool  # noqa: PLC0415
        from apps.events.hub import hub  # noqa: PLC0415
        from apps.events.services.records import records  # noqa: PLC0415
        from apps.events.worker.deliverer import Deliverer  # noqa: PLC0415
        from apps.events.worker.publisher import Publisher  # noqa: PLC0415
        from apps.events.worker.readings import loop_lag  # noqa: PLC0415

        if self.publisher is not None:
            return  # another loop of this process started it
        self.publisher = Publisher(hub, records, redis_url=settings.SIGNALBOX_REDIS_URL)
        live.register_recorder(records)
        loop_lag.start()
        with suppress(Exception):  # a database that is away is asked again by the thread
            await in_pool(self.publisher.begin)
        self.publisher.start()
        self.deliverer = Deliverer()
        self.deliverer.start()

    async def _stop(self) -> None:
        from apps.core.asgi.pool import in_pool  # noqa: PLC0415 - as above
        from apps.events.worker.readings import loop_lag  # noqa: PLC0415 - as above

        loop_lag.stop()
        deliverer, self.deliverer = self.deliverer, None
        if deliverer is not None:
            await in_pool(deliverer.stop)
        publisher, self.publisher = self.publisher, None
        if publisher is not None:
            await in_pool(publisher.stop)
