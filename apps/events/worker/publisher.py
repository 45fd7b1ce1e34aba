"""The publisher: one thread a server process, which numbers or follows, and hands events to this process's hub.

It wakes at the bell (a commit of this process, a message of another) and at short intervals besides, so that a lost
ring costs a twentieth of a second. Whoever holds the sequencer's lease numbers; every publisher keeps the position in
the log up to which its sockets have been told, and reads from the table whatever did not reach it otherwise.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from apps.events import queries
from apps.events.hub import Hub
from apps.events.services import outbox, sequencer
from apps.events.services.records import INTEREST, Records
from apps.events.services.sequencer import LeaseLost, Published
from apps.events.worker.readings import Readings

if TYPE_CHECKING:
    from apps.events.adapters.bridge import Batch, RedisBridge

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.05
FOLLOW_SECONDS = 0.05
FOLLOW_SECONDS_WITH_REDIS = 1.0
FAILED_PAUSE = 0.5
LOG_ROWS = 500
TOLD_ROWS = 200
"""Of one message to the other processes."""


class Publisher:
    """`start` and `stop` run the thread; `turn` is one round of its work."""

    def __init__(self, hub: Hub, records: Records, *, redis_url: str = "") -> None:
        self.holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid4().hex[:8]}"
        self.position: int | None = None
        self.token: int | None = None
        self._hub, self._records = hub, records
        self._readings = Readings(records)
        self._inbox: deque[list[Published]] = deque()
        self._renew_at = self._seek_at = self._follow_at = self._interest_at = 0.0
        self._channels: frozenset[tuple[int, str]] = frozenset()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._bridge = self._open_bridge(redis_url) if redis_url else None
        self._was_rung = False

    def begin(self) -> None:
        """Number what was left behind and know where the log ends, before the first subscriber is told it follows."""
        self.position = queries.log_position()
        self._seek()
        self._number(rang=True)

    def start(self) -> None:
        if self._bridge is not None:
            self._bridge.start()
        self._thread.start()

    def stop(self) -> None:
        """Publish what is committed, let the next one number, end the thread."""
        self._stopped.set()
        outbox.bell.set()
        self._thread.join(5.0)
        if self._bridge is not None:
            self._bridge.stop()

    def turn(self, *, rang: bool = True) -> None:
        """One round. `rang`: something was committed here, or another process rang."""
        if self.position is None:
            self.begin()
        self._tend_records()
        self._seek()
        was_rung, self._was_rung = self._was_rung, False
        if self.token is not None:
            self._number(rang=rang)
        else:
            if rang and not was_rung and self._bridge is not None:
                self._bridge.ring()
            self._follow()

    def release(self) -> None:
        if self.token is not None:
            sequencer.give_up(token=self.token)
            self.token = None

    def _run(self) -> None:
        is_failing = False
        while not self._stopped.is_set():
            rang = outbox.bell.wait(FAILED_PAUSE if is_failing else POLL_SECONDS)
            outbox.bell.clear()
            try:
                close_old_connections()
                self.turn(rang=rang or is_failing)
            except Exception as error:  # noqa: BLE001 - the next round may do better
                if not is_failing:
                    log.warning("publisher_failed", error=repr(error))
                is_failing, self.token = True, None
                self._stopped.wait(FAILED_PAUSE)
            else:
                is_failing = False
        self._leave()

    def _leave(self) -> None:
        try:
            self.turn()
            self.release()
        except Exception as error:  # noqa: BLE001 - the lease runs out by itself
            log.warning("publisher_left_badly", error=repr(error))
        connections.close_all()

    def _tend_records(self) -> None:
        now = monotonic()
        channels = self._hub.channels()
        if now >= self._interest_at or channels - self._channels:
            self._records.share_interest()
            self._interest_at = now + INTEREST.total_seconds() / 3
        self._channels = channels
        self._readings.take(now)
        while self._records.flush():
            pass

    def _seek(self) -> None:
        """Take the lease when it is free, keep it when it is ours."""
        now = monotonic()
        lease = settings.SIGNALBOX_SEQUENCER_LEASE.total_seconds()
        if self.token is None:
            if now >= self._seek_at:
                self._seek_at = now + lease / 8
                self.token = sequencer.take_over(holder=self.holder)
                if self.token is not None:
                    log.debug("sequencer_taken", holder=self.holder, token=self.token)
                    self._renew_at = now + lease / 3
                    self._read_on()  # to where the predecessor came
        elif now >= self._renew_at:
            self._renew_at = now + lease / 3
            self._hold_or_drop(self.token)

    def _hold_or_drop(self, token: int) -> None:
        try:
            sequencer.renew(token=token)
        except LeaseLost:
            self._drop()

    def _drop(self) -> None:
        log.warning("sequencer_lost", holder=self.holder)
        self.token = None

    def _number(self, *, rang: bool) -> None:
        if self.token is None:
            return
        self._inbox.clear()
        if not rang and not sequencer.has_pending():
            return
        while True:
            try:
                batch = sequencer.number_batch(token=self.token)
            except LeaseLost:
                self._drop()
                return
            if batch:
                self._publish(batch)
                self._tell(batch)
            if len(batch) < sequencer.BATCH:
                return

    def _publish(self, batch: Sequence[Published]) -> None:
        """Hand a batch to the hub: it must begin where the last one ended, or the table says what lies between."""
        assert self.position is not None
        if batch[0].position != self.position + 1:
            self._read_on()
            return
        self._hub.publish(batch)
        self.position = batch[-1].position

    def _tell(self, batch: Sequence[Published]) -> None:
        if self._bridge is None:
            return
        for start in range(0, len(batch), TOLD_ROWS):
            part = batch[start : start + TOLD_ROWS]
            self._bridge.tell([_flat(one) for one in part])

    def _follow(self) -> None:
        """Take what was told; look into the table when something of it was lost, and now and then."""
        assert self.position is not None
        is_lost = False
        while self._inbox:
            batch = [one for one in self._inbox.popleft() if one.position > self.position]
            if batch and batch[0].position == self.position + 1:
                self._hub.publish(batch)
                self.position = batch[-1].position
            elif batch:
                is_lost = True
        now = monotonic()
        if is_lost or now >= self._follow_at:
            pause = FOLLOW_SECONDS if self._bridge is None else FOLLOW_SECONDS_WITH_REDIS
            self._follow_at = now + pause
            self._read_on()

    def _read_on(self) -> None:
        assert self.position is not None
        # The position first: who subscribes after this look is owed only what is published after it.
        end = queries.log_position()
        self.position = min(self.position, end)  # a backup was restored under us
        while self._hub.channels() and self.position < end:
            rows = queries.log_after(position=self.position, limit=LOG_ROWS)
            if not rows:
                break  # the rest is gone already
            batch = [Published(*row) for row in rows]
            self._hub.publish(batch)
            self.position = batch[-1].position
        self.position = max(self.position, end)

    def _open_bridge(self, url: str) -> RedisBridge:
        # Local: the embedded size never pays for importing the Redis client.
        from apps.events.adapters.bridge import RedisBridge  # noqa: PLC0415

        return RedisBridge(url, on_batch=self._receive, on_ring=self._hear_ring)

    def _receive(self, batch: Batch) -> None:
        if batch:
            self._inbox.append([_whole(row) for row in batch])
            self._hear_ring()

    def _hear_ring(self) -> None:
        self._was_rung = True
        outbox.bell.set()


def _flat(one: Published) -> list[Any]:
    return [
        one.position, one.organization_id, one.topic, one.sequence, one.event, one.data, one.at,
    ]  # fmt: skip


def _whole(row: list[Any]) -> Published:
    position, organization_id, topic, sequence, event, data, at = row
    moment = datetime.fromisoformat(at)
    return Published(position, organization_id, topic, sequence, event, data, moment)
