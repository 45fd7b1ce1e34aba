"""Long answers end in words before the process does.

A server that was told to stop lets open answers go on for its grace, and then cuts them off. Shortly before that,
whoever is still at work under `until_the_end` hears `Stopping`, while there is time to say so and to book it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings

from apps.core.errors import Unavailable

LAST_SECONDS = 2.0
_working: set[asyncio.Task[Any]] = set()
_told: set[asyncio.Task[Any]] = set()
_has_come = False


class Stopping(Unavailable):
    code = "server_stopping"
    message = "The server is stopping. Ask again."


class until_the_end:  # noqa: N801 - reads as a statement
    """What is awaited within is cancelled at the end, and `Stopping` raised. A class: it is passed for each event."""

    __slots__ = ("_task",)

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task()
        assert task is not None
        if _has_come:
            _tell(task)
        else:
            _working.add(task)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        task = self._task
        assert task is not None
        _working.discard(task)
        if task in _told:
            _told.discard(task)
            task.uncancel()
            if kind is not None and issubclass(kind, asyncio.CancelledError):
                raise Stopping from None


async def begin() -> None:
    global _has_come
    _has_come = False


async def announce() -> None:
    """The server drains: the end comes a little before its grace is over."""
    grace = settings.SIGNALBOX_SHUTDOWN_GRACE
    asyncio.get_running_loop().call_later(max(grace - LAST_SECONDS, grace / 2), come)


def come() -> None:
    global _has_come
    _has_come = True
    for task in list(_working):
        _tell(task)


def _tell(task: asyncio.Task[Any]) -> None:
    _told.add(task)
    task.cancel()
