"""Approvals as a Django app: what waited too long expires by itself."""

from __future__ import annotations

from django.apps import AppConfig

EXPIRY_SECONDS = 30


class ApprovalsConfig(AppConfig):
    name = "apps.approvals"
    label = "approvals"
    verbose_name = "Approvals"

    def ready(self) -> None:
        from apps.approvals.services import expiry  # noqa: PLC0415 - models are ready only now
        from apps.core.asgi import lifecycle  # noqa: PLC0415 - models are ready only now

        lifecycle.every(EXPIRY_SECONDS, "approvals", expiry.expire_due)
