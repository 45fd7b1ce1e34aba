"""The ASGI application that uvicorn and daphne serve alike."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
django.setup(set_prefix=False)

from apps.core.asgi.application import Application  # noqa: E402 - apps must be ready first
from config.sockets import sockets  # noqa: E402 - apps must be ready first

application = Application(sockets)
