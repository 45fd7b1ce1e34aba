"""The app's registration: permissions are declared, predictions drained and looked after."""

from __future__ import annotations

from django.apps import AppConfig

SWEEP_SECONDS = 3600.0
IDLE_SECONDS = 60.0
METRICS_SECONDS = 1.0


class ModelsConfig(AppConfig):
    name = "apps.models"
    label = "models"
    verbose_name = "Models"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Local: these need the app registry, which is complete only now.
        from apps.core.asgi import lifecycle  # noqa: PLC0415
        from apps.core.spool import process as spool  # noqa: PLC0415
        from apps.models import permissions  # noqa: F401, PLC0415
        from apps.models.domain.log import KIND  # noqa: PLC0415
        from apps.models.services import prediction_log  # noqa: PLC0415
        from apps.models.serving import metrics, rooms, warming  # noqa: PLC0415

        spool.register_drain(KIND, prediction_log.drain_predictions)
        lifecycle.on_start(warming.begin)
        lifecycle.on_stop(rooms.close_room)
        lifecycle.every(warming.LOOK_SECONDS, "models_in_use", warming.look)
        lifecycle.every(IDLE_SECONDS, "models_idle", rooms.unload_idle)
        lifecycle.every(METRICS_SECONDS, "predictions", metrics.publish)
        lifecycle.every(SWEEP_SECONDS, "predictions_kept", prediction_log.sweep_predictions)
