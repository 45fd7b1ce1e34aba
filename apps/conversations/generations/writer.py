"""The one writer of a process: all its answers go down in one transaction, twice a second and when one ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TypeVar

import structlog
from django.db import DataError, IntegrityError

from apps.conversations.domain.answers import (
    INTERRUPTED,
    INTERRUPTED_MESSAGE,
    Checkpoint,
    Ending,
)
from apps.conversations.enums import MessageStatus
from apps.conversations.generations.running import Generation
from apps.conversations.services import generations
from apps.conversations.services.generations import Heard
from apps.core.asgi.pool import Pool, shared_pool

log = structlog.get_logger(__name__)
T = TypeVar("T")

UNWRITABLE = (DataError, IntegrityError, ValueError)
"""Of what is written, not of the database's state: the same round would fail for ever, and with it every answer."""
UNWRITTEN = Ending(
    MessageStatus.INTERRUPTED, error_code=INTERRUPTED, error_message=INTERRUPTED_MESSAGE
)
PAUSE_SECONDS = 0.35
"""Between two rounds; with the time a round takes, a character is written down half a second after it came."""


class Writer:
    """Runs while there is something to write. A database that is away is asked again; nothing is lost meanwhile."""

    def __init__(self, process: str, on_gone: Callable[[Generation], None]) -> None:
        self._process = process
        self._on_gone = on_gone
        self._live: dict[int, Generation] = {}
        self._ended: list[Generation] = []
        self._has_ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pool: Pool | None = None
        self._is_failing = False
        self._next_at = 0.0

    @property
    def is_idle(self) -> bool:
        return self._task is None

    def add(self, generation: Generation) -> None:
        if not self._live:
            self._next_at = monotonic() + PAUSE_SECONDS
        self._live[generation.message_pk] = generation
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="generations writer")

    def end(self, generation: Generation) -> None:
        """It has come to its ending: write that at once."""
        self._ended.append(generation)
        self._has_ended.set()

    async def settled(self) -> None:
        """Until all is written that there is."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    async def _run(self) -> None:
        try:
            while self._live:
                await self._pause()
                await self._round()
        finally:
            self._task = None

    async def _pause(self) -> None:
        if self._is_failing:
            await asyncio.sleep(PAUSE_SECONDS)
            return
        try:
            async with asyncio.timeout(max(0.0, self._next_at - monotonic())):
                await self._has_ended.wait()
        except TimeoutError:
            pass

    async def _round(self) -> None:
        self._has_ended.clear()
        ended, self._ended = self._ended, []
        meant = ended
        if monotonic() >= self._next_at:
            meant = list(self._live.values())
            self._next_at = monotonic() + PAUSE_SECONDS
        if not meant:
            return
        checkpoints = [each.checkpoint() for each in meant]
        try:
            heard = await self._in_own_pool(
                partial(generations.write_down, process=self._process, checkpoints=checkpoints)
            )
        except UNWRITABLE as error:
            await self._one_by_one(meant, checkpoints, error)
        except Exception as error:  # noqa: BLE001 - a round that failed is made again
            self._note(error)
            self._ended = ended + self._ended
        else:
            self._is_failing = False
            self._heed(meant, checkpoints, heard)

    async def _one_by_one(
        self, meant: list[Generation], checkpoints: list[Checkpoint], error: Exception
    ) -> None:
        """One of these holds what no database keeps: that one ends, the others go on."""
        if len(meant) == 1:
            log.error("answer_not_writable", message=meant[0].message, error=repr(error))
            self._give_up(meant[0])
            return
        for generation, checkpoint in zip(meant, checkpoints, strict=True):
            write = partial(generations.write_down, process=self._process, checkpoints=[checkpoint])
            try:
                self._heed([generation], [checkpoint], await self._in_own_pool(write))
            except UNWRITABLE as found:
                await self._one_by_one([generation], [checkpoint], found)
            except Exception as found:  # noqa: BLE001 - as a whole round
                self._note(found)
                if checkpoint.ending is not None:
                    self._ended.append(generation)

    def _give_up(self, generation: Generation) -> None:
        """Its row keeps what was written before, and its lease runs out."""
        generation.stop(MessageStatus.INTERRUPTED)
        generation.transcript.end(UNWRITTEN)
        self._forget(generation)

    def _heed(self, meant: list[Generation], checkpoints: list[Checkpoint], heard: Heard) -> None:
        for generation, checkpoint in zip(meant, checkpoints, strict=True):
            pk = generation.message_pk
            if pk in heard.lost:
                # Removed with its conversation, or given up by others who did not hear of us for long.
                generation.stop(MessageStatus.INTERRUPTED)
                if generation.ending is not None:
                    generation.transcript.end(generation.ending)
                    self._forget(generation)
                continue
            generation.written(checkpoint)
            if checkpoint.ending is not None:
                self._forget(generation)
            elif pk in heard.stopped:
                generation.stop()

    def _forget(self, generation: Generation) -> None:
        if self._live.pop(generation.message_pk, None) is not None:
            self._on_gone(generation)

    def _note(self, error: Exception) -> None:
        if not self._is_failing:
            log.warning("answers_not_written_down", error=repr(error))
        self._is_failing = True

    async def _in_own_pool(self, call: Callable[[], T]) -> T:
        """A thread of its own: the house's may all be taken, and leases must move on all the same."""
        shared = shared_pool()
        if not isinstance(shared, Pool):
            return await shared.run(call)
        if self._pool is None:
            self._pool = Pool(1, max_waiting=4)
        return await self._pool.run(call)
