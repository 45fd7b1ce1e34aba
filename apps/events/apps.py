"""The app's registration: permissions are declared, the sealer ticks, the hub is offered to the sockets."""

from __future__ import annotations

from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "apps.events"
    label = "events"
    verbose_name = "Events"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Local: these need the app registry, which is complete only now.
        from apps.core import live  # noqa: PLC0415
        from apps.core.asgi import lifecycle  # noqa: PLC0415
        from apps.events import permissions, services  # noqa: F401, PLC0415
        from apps.events.hub import hub  # noqa: PLC0415

        def seal() -> None:
            services.seal_pending()

        live.register_stream(hub)
        lifecycle.every(0.5, "audit_sealer", seal)
