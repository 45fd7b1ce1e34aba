"""The app's registration: permissions are declared, usage drained, the ledger begun and looked after."""

from __future__ import annotations

from django.apps import AppConfig

SWEEP_SECONDS = 3600.0
METRICS_SECONDS = 1.0


class ProvidersConfig(AppConfig):
    name = "apps.providers"
    label = "providers"
    verbose_name = "Providers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Local: these need the app registry, which is complete only now.
        from apps.core.asgi import lifecycle  # noqa: PLC0415
        from apps.core.spool import process as spool  # noqa: PLC0415
        from apps.providers import permissions  # noqa: F401, PLC0415
        from apps.providers.domain.captures import KIND as CAPTURE  # noqa: PLC0415
        from apps.providers.domain.usage import KIND  # noqa: PLC0415
        from apps.providers.gateway import metrics  # noqa: PLC0415
        from apps.providers.ledger import serving, upkeep  # noqa: PLC0415
        from apps.providers.services import captures, usage  # noqa: PLC0415

        spool.register_drain(KIND, usage.drain_usage)
        spool.register_drain(CAPTURE, captures.drain_captures)
        serving.serve()
        lifecycle.on_start(upkeep.begin)
        lifecycle.on_stop(upkeep.end)
        lifecycle.every(upkeep.LOOK_SECONDS, "ledger", upkeep.look)
        lifecycle.every(METRICS_SECONDS, "model_calls", metrics.publish)
        lifecycle.every(SWEEP_SECONDS, "usage", usage.sweep_usage)
        lifecycle.every(SWEEP_SECONDS, "captures", captures.sweep_captures)
