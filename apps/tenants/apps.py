"""The app's place in Django."""

from __future__ import annotations

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "apps.tenants"
    label = "tenants"
    verbose_name = "Organisations and people"

    def ready(self) -> None:
        # The enum's grants are declared at import; roles mean nothing before that.
        from apps.tenants import permissions  # noqa: F401, PLC0415 - models must be loaded first
