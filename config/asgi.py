"""The ASGI application that uvicorn and daphne serve alike."""

from __future__ import annotations

import gc
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
django.setup(set_prefix=False)

from apps.core.asgi.application import Application  # noqa: E402 - apps must be ready first
from config.sockets import sockets  # noqa: E402 - apps must be ready first

application = Application(sockets)

# What is loaded by now stays: the collector need not walk it again, which costs a busy server a twentieth of its time,
# and pauses of tens of milliseconds.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 20, 50)
