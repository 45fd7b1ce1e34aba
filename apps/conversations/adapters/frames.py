"""News of answers from process to process over Redis: pieces of text to those who look, and bells to those who write.

Redis is only the fast way: whatever it loses is read from the row at the next look. Nothing here raises or waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

BELLS = "signalbox:answers:bells"
FRAMES = "signalbox:answers:"
TIMEOUT_SECONDS = 2.0
PAUSE_SECONDS = 1.0
MOST_UNSAID = 2000
"""Messages that wait for a slow Redis; more are dropped, and read from the rows."""

Frame = dict[str, Any]


class FrameBridge:
    """Of one loop. `tell` and `ring` only put aside; one task speaks, one listens."""

    def __init__(
        self,
        url: str,
        *,
        on_frame: Callable[[str, Frame], None],
        on_bell: Callable[[Frame], None],
    ) -> None:
        self._on_frame, self._on_bell = on_frame, on_bell
        self._client: Redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 1),
        )
        self._unsaid: asyncio.Queue[tuple[str, Frame]] = asyncio.Queue(MOST_UNSAID)
        self._wanted: set[str] = set()
        self._is_heard: set[str] = set()
        self._pubsub: Any = None
        self._is_failing = False
        self._tasks = [asyncio.create_task(self._speak()), asyncio.create_task(self._listen())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(RedisError, OSError):
            await self._client.aclose()

    def listen(self, message: str) -> None:
        self._wanted.add(message)

    def forget(self, message: str) -> None:
        self._wanted.discard(message)

    def tell(self, message: str, frame: Frame) -> None:
        self._say(FRAMES + message, frame)

    def ring(self, bell: Frame) -> None:
        self._say(BELLS, bell)

    def _say(self, channel: str, frame: Frame) -> None:
        with suppress(asyncio.QueueFull):
            self._unsaid.put_nowait((channel, frame))

    async def _speak(self) -> None:
        while not _is_cancelled():
            channel, frame = await self._unsaid.get()
            try:
                await self._client.publish(channel, orjson.dumps(frame))
            except (RedisError, OSError) as error:
                self._note(error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _listen(self) -> None:
        while not _is_cancelled():
            try:
                await self._hear()
            except (RedisError, OSError) as error:
                self._note(error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _hear(self) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=True) as heard:
            await heard.subscribe(BELLS)
            self._is_heard = set()
            while not _is_cancelled():
                await self._adjust(heard)
                message = await heard.get_message(timeout=0.05)
                self._is_failing = False
                while message is not None:
                    self._take(message)
                    message = await heard.get_message(timeout=0)

    async def _adjust(self, heard: Any) -> None:
        """Listen to those channels that somebody looks at. New ones wait a moment for the next message at most."""
        if more := self._wanted - self._is_heard:
            await heard.subscribe(*(FRAMES + each for each in more))
        if fewer := self._is_heard - self._wanted:
            await heard.unsubscribe(*(FRAMES + each for each in fewer))
        self._is_heard = set(self._wanted)

    def _take(self, message: dict[str, Any]) -> None:
        channel = message["channel"].decode()
        try:
            frame = orjson.loads(message["data"])
            if channel == BELLS:
                self._on_bell(frame)
            else:
                self._on_frame(channel.removeprefix(FRAMES), frame)
        except (ValueError, KeyError, TypeError) as error:
            log.warning("answers_bridge_garbled", error=repr(error))

    def _note(self, error: Exception) -> None:
        if not self._is_failing:
            log.warning("answers_bridge_away", error=repr(error))
        self._is_failing = True


def _is_cancelled() -> bool:
    """The client's time-outs have been seen to swallow a cancellation that met them; the task still knows of it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
