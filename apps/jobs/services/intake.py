"""Submissions of many callers, kept in one transaction: a commit costs the same for fifty jobs as for one.

Whoever comes while a batch is being written goes with the next one, so nobody waits for company: a lone caller's batch
is theirs alone. Each is answered after the commit that keeps their job.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from dataclasses import dataclass

from django.conf import settings

from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.errors import Unavailable
from apps.jobs.models import Job
from apps.jobs.services import submissions
from apps.jobs.services.submissions import Submission

MOST_TOGETHER = 100
MOST_WAITING = 2000


@dataclass(frozen=True, slots=True)
class _Waiting:
    actor: Actor
    asked: Submission
    answer: asyncio.Future[Job]


class Intake:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def submit(self, *, actor: Actor, asked: Submission) -> Job:
        """The job, once it is kept. Raises what `submissions.submit` would."""
        if len(self._waiting) >= MOST_WAITING:
            raise Unavailable("The server is at its limit.", code="overloaded", retry_after=1)
        answer: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(actor, asked, answer))
        if self._writer is None:
            # In no request's context: the batch is everybody's.
            self._writer = asyncio.get_running_loop().create_task(self._write(), context=Context())
        try:
            # The batch before may hang as long as ours: the caller waits for both together no longer than for one.
            async with asyncio.timeout(settings.SIGNALBOX_POOL_SECONDS):
                return await answer
        except TimeoutError:
            raise Unavailable("The server took too long.", code="overloaded") from None

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = (
                    self._waiting[:MOST_TOGETHER],
                    self._waiting[MOST_TOGETHER:],
                )
                _answer(batch, await _keep(batch))
        finally:
            self._writer = None


async def _keep(batch: list[_Waiting]) -> list[Job | Exception]:
    try:
        return await in_pool(
            submissions.submit_each, asked=[(one.actor, one.asked) for one in batch]
        )
    except Exception as error:  # noqa: BLE001 - each caller is told, by their own gate
        return [error] * len(batch)


def _answer(batch: list[_Waiting], kept: list[Job | Exception]) -> None:
    for one, end in zip(batch, kept, strict=True):
        if one.answer.done():
            continue  # its caller has left; the job stays
        if isinstance(end, Exception):
            one.answer.set_exception(end)
        else:
            one.answer.set_result(end)


_intakes: dict[asyncio.AbstractEventLoop, Intake] = {}


def intake() -> Intake:
    """The intake of the running loop; a server has one loop."""
    loop = asyncio.get_running_loop()
    if loop not in _intakes:
        for gone in [each for each in _intakes if each.is_closed()]:
            del _intakes[gone]
        _intakes[loop] = Intake()
    return _intakes[loop]
