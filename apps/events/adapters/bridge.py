"""Published events from process to process over Redis, each batch once for all sockets of a process.

Redis is only the fast way: what it loses, a process finds missing by position and reads from the table. A process that
does not number rings the one that does. Nothing here raises; a Redis that is away is asked again a little later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import structlog
from redis import Redis
from redis.exceptions import RedisError

from apps.core import json

log = structlog.get_logger(__name__)

EVENTS = "signalbox:events"
BELL = "signalbox:events:bell"
TIMEOUT_SECONDS = 1.0
PAUSE_SECONDS = 1.0

Batch = list[list[Any]]
"""Rows of position, organization, topic, sequence, event, data, moment."""


class RedisBridge:
    """Listens in a thread of its own; `tell` and `ring` are the publisher's."""

    def __init__(
        self, url: str, *, on_batch: Callable[[Batch], None], on_ring: Callable[[], None]
    ) -> None:
        self._on_batch, self._on_ring = on_batch, on_ring
        self._client = Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="events-bridge", daemon=True)
        self._is_failing = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(2 * TIMEOUT_SECONDS)
        self._client.close()

    def tell(self, rows: Sequence[Sequence[Any]]) -> None:
        self._publish(EVENTS, json.dumps(list(rows)))

    def ring(self) -> None:
        self._publish(BELL, b"")

    def _publish(self, channel: str, message: bytes) -> None:
        try:
            self._client.publish(channel, message)
        except (RedisError, OSError) as error:
            self._note(error)
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
