"""The app's place in Django."""

from __future__ import annotations

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "apps.tenants"
    label = "tenants"
    verbose_name = "Organisations and people"

    def ready(self) -> None:
        # Local: permissions declare their grants at import, and services need models, which are ready only now.
        from apps.core.asgi import lifecycle  # noqa: PLC0415
        from apps.tenants import permissions  # noqa: F401, PLC0415
        from apps.tenants.services import browser_sessions, invitations, sessions  # noqa: PLC0415

        lifecycle.every(3600, "old_logins", sessions.forget_ended)
        lifecycle.every(3600, "old_visits", browser_sessions.forget_expired)
        lifecycle.every(3600, "old_invitations", invitations.forget_closed)
