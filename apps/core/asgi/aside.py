"""Work of the loop that goes to its end, whoever leaves meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_ending: set[asyncio.Task[Any]] = set()
"""A loop holds its tasks weakly: one that nobody holds may vanish half done."""


async def surely(work: Coroutine[Any, Any, T]) -> T:
    """Do it to its end, whoever cancels the caller meanwhile."""
    return await asyncio.shield(aside(work))


def aside(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Do it while nobody waits."""
    task = asyncio.create_task(work)
    _ending.add(task)
    task.add_done_callback(_ending.discard)
    return task
