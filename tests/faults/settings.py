"""The development settings with a shorter patience, so that what runs out does so within a test."""

from __future__ import annotations

from config.settings.development import *  # noqa: F403 - that is what a settings module is for

SIGNALBOX_WEBHOOK_TIMEOUT = 1.0
