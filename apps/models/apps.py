"""The app's registration."""

from __future__ import annotations

from django.apps import AppConfig


class ModelsConfig(AppConfig):
    name = "apps.models"
    label = "models"
    verbose_name = "Models"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Local: it needs the app registry, which is complete only now.
        from apps.models import permissions  # noqa: F401, PLC0415
