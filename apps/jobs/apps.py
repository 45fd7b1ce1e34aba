"""Jobs as a Django app: permissions are declared, every app's handlers found, the bells hung."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "apps.jobs"
    label = "jobs"
    verbose_name = "Jobs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Local: these need the app registry, which is complete only now.
        from apps.core import live, metrics  # noqa: PLC0415
        from apps.core.asgi import lifecycle  # noqa: PLC0415
        from apps.jobs import permissions  # noqa: F401, PLC0415
        from apps.jobs.adapters import notify, pipes  # noqa: PLC0415
        from apps.jobs.queries import depth  # noqa: PLC0415
        from apps.jobs.queries.metrics import JobSeries  # noqa: PLC0415
        from apps.jobs.services import doorbell, tallies  # noqa: PLC0415

        autodiscover_modules("tasks")
        live.register_probe("queue_depth", depth.queue_depth)
        metrics.add_source(JobSeries())
        lifecycle.every(tallies.FLUSH_SECONDS, "job_tallies", tallies.flush)
        doorbell.add_ring(pipes.ring)

        async def ring_other_machines() -> None:
            if notify.is_available():
                doorbell.add_ring(notify.ringer.ring)

        lifecycle.on_start(ring_other_machines)
        if settings.SIGNALBOX_BROKER_URL:
            from apps.jobs import celery_bridge  # noqa: PLC0415 - installed only where it is used

            doorbell.add_ring(celery_bridge.ringer().ring)
            lifecycle.every(celery_bridge.SWEEP_SECONDS, "jobs_sweeper", celery_bridge.sweep)
