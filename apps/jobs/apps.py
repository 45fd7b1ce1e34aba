"""Jobs as a Django app: permissions are declared, every app's handlers found."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "apps.jobs"
    label = "jobs"
    verbose_name = "Jobs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.jobs import permissions  # noqa: F401, PLC0415 - models are ready only now

        autodiscover_modules("tasks")
