"""Published events from process to process over Redis, each batch once for all sockets of a process.

Redis is only the fast way: what it loses, a process finds missing by position and reads from the table. A process that
does not number rings the one that does. Nothing here raises or waits; a Redis that is away is asked again a little later.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from apps.core import json

log = structlog.get_logger(__name__)

EVENTS = "signalbox:events"
BELL = "signalbox:events:bell"
TIMEOUT_SECONDS = 1.0
PAUSE_SECONDS = 1.0
MOST_UNSAID = 1000
"""Messages that wait for a slow Redis; the oldest go first, and those they were for read the table."""

Batch = list[list[Any]]
"""Rows of position, organization, topic, sequence, event, data, moment."""


class RedisBridge:
    """Listens and speaks in threads of its own; `tell` and `ring` are the publisher's, who must not wait for Redis."""

    def __init__(
        self, url: str, *, on_batch: Callable[[Batch], None], on_ring: Callable[[], None]
    ) -> None:
        self._on_batch, self._on_ring = on_batch, on_ring
        self._client = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 1),  # the client's own patience goes on for many seconds
        )
        self._unsaid: deque[tuple[str, bytes]] = deque(maxlen=MOST_UNSAID)
        self._has_unsaid = threading.Event()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._listen, name="events-bridge", daemon=True),
            threading.Thread(target=self._speak, name="events-bridge-out", daemon=True),
        ]
        self._is_failing = False

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Say what is left to say, as far as Redis takes it at once."""
        self._stopped.set()
        self._has_unsaid.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT_SECONDS)
        self._client.close()

    def tell(self, rows: Sequence[Sequence[Any]]) -> None:
        self._say(EVENTS, json.dumps(list(rows)))

    def ring(self) -> None:
        self._say(BELL, b"")

    def _say(self, channel: str, message: bytes) -> None:
        self._unsaid.append((channel, message))
        self._has_unsaid.set()

    def _speak(self) -> None:
        while not self._stopped.is_set() or self._unsaid:
            self._has_unsaid.wait()
            self._has_unsaid.clear()
            while self._unsaid:
                self._publish(*self._unsaid.popleft())

    def _publish(self, channel: str, message: bytes) -> None:
        try:
            self._client.publish(channel, message)
        except (RedisError, OSError) as error:
            self._note(error)
            self._unsaid.clear()  # by the time it is back they are old, and read from the table
            self._stopped.wait(PAUSE_SECONDS)
        else:
            self._is_failing = False

    def _listen(self) -> None:
        while not self._stopped.is_set():
            try:
                self._hear()
            except (RedisError, OSError) as error:
                self._note(error)
                self._stopped.wait(PAUSE_SECONDS)

    def _hear(self) -> None:
        with self._client.pubsub(ignore_subscribe_messages=True) as heard:  # type: ignore[no-untyped-call]  # not theirs
            heard.subscribe(EVENTS, BELL)
            self._on_ring()  # what was said while nobody listened here is in the table
            while not self._stopped.is_set():
                message = heard.get_message(timeout=TIMEOUT_SECONDS / 2)
                if message is None:
                    continue
                if message["channel"] == BELL.encode():
                    self._on_ring()
                else:
                    self._on_batch(orjson.loads(message["data"]))

    def _note(self, error: Exception) -> None:
        if not self._is_failing:
            log.warning("events_bridge_away", error=repr(error))
        self._is_failing = True
