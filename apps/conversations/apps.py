"""The app's registration."""

from __future__ import annotations

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "apps.conversations"
    label = "conversations"
    verbose_name = "Conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Local: these need the app registry, which is complete only now.
        from apps.conversations import permissions  # noqa: F401, PLC0415
