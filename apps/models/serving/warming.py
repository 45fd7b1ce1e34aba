"""Loading models before they are asked for: those in use, at start and as they come into use, and those that are named."""

from __future__ import annotations

import asyncio

import structlog
from django.conf import settings
from django.db import transaction

from apps.core import changes
from apps.core.asgi.aside import aside
from apps.core.asgi.pool import in_pool
from apps.core.errors import AppError
from apps.models.queries import use
from apps.models.queries.use import Used
from apps.models.serving.opening import TIMES_SIZE
from apps.models.serving.rooms import room
from apps.models.serving.tables import view_of
from apps.models.topics import WARM_FAILED_SCOPE, WARM_SCOPE, WARMED_SCOPE

log = structlog.get_logger(__name__)
LOOK_SECONDS = 300.0

_loop: asyncio.AbstractEventLoop | None = None


async def begin() -> None:
    """The server's call at its start; nobody waits for the models."""
    global _loop
    if _loop is None:
        changes.on_change(WARM_SCOPE, _hear)
    _loop = asyncio.get_running_loop()
    if settings.SIGNALBOX_WARM_MODELS:
        aside(_warm_used())


def look() -> None:
    """The ticker's call: what has come into use meanwhile, a version just promoted for one."""
    if settings.SIGNALBOX_WARM_MODELS and _loop is not None and _loop.is_running():
        asyncio.run_coroutine_threadsafe(_warm_used(), _loop)


async def warm(used: Used) -> bool:
    """Have it in memory; whether it is. One that cannot be opened is left to whoever asks for it, who hears why."""
    try:
        view = await view_of(used.organization_id, used.version_key)
        await room().shelf.get(used.organization_id, view)
    except AppError as error:
        log.warning("model_not_warmed", version=used.version_key, error=error.code)
        return False
    return True


async def _warm_used() -> None:
    for used in await in_pool(use.versions_in_use, settings.SIGNALBOX_WARM_THRESHOLD):
        shelf = room().shelf
        if shelf.is_loaded(used.version_key):
            continue
        if not shelf.has_room(TIMES_SIZE * used.size):
            return  # what is in memory is in use too
        await warm(used)


def _hear(scope: str) -> None:
    """News of any thread: somebody asks every process to have this model in memory."""
    organization, _, model = scope.removeprefix(WARM_SCOPE).partition(":")
    if model and _loop is not None and _loop.is_running():
        asyncio.run_coroutine_threadsafe(_warm_named(organization, model), _loop)


async def _warm_named(organization: str, model: str) -> None:
    used = await in_pool(use.version_in_production, organization, model)
    said = WARMED_SCOPE if used is not None and await warm(used) else WARM_FAILED_SCOPE
    await in_pool(_say, f"{said}{organization}:{model}")


def _say(scope: str) -> None:
    with transaction.atomic():
        changes.announce_change(scope)
