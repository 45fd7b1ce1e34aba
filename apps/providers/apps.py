"""The app's registration."""

from __future__ import annotations

from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    name = "apps.providers"
    label = "providers"
    verbose_name = "Providers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Local: it needs the app registry, which is complete only now.
        from apps.providers import permissions  # noqa: F401, PLC0415
