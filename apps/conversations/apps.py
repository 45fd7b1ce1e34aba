"""The app's registration."""

from __future__ import annotations

from django.apps import AppConfig

SWEEP_SECONDS = 2.0


class ConversationsConfig(AppConfig):
    name = "apps.conversations"
    label = "conversations"
    verbose_name = "Conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Local: these need the app registry, which is complete only now.
        from apps.conversations import permissions  # noqa: F401, PLC0415
        from apps.conversations.generations import upkeep  # noqa: PLC0415
        from apps.conversations.services import generations, sharing  # noqa: PLC0415
        from apps.core.asgi import lifecycle  # noqa: PLC0415

        lifecycle.on_drain(upkeep.begin_to_end)
        lifecycle.on_stop(upkeep.end)
        lifecycle.every(SWEEP_SECONDS, "abandoned answers", generations.end_abandoned)
        lifecycle.every(3600, "expired shares", sharing.forget_expired)
