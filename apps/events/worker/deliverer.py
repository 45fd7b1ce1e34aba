"""The deliverer: one thread beside a server that claims what is due and settles what came back.

The attempts themselves run on the process's I/O loop, so a receiver that hangs costs neither a thread nor a job's
place. It is no kind of job: a delivery waits for its receiver far longer than it works, and the queue's threads and
turns are for what works.
"""

from __future__ import annotations

import asyncio
import threading
from queue import Empty, SimpleQueue
from time import monotonic

import structlog
from django.conf import settings
from django.db import close_old_connections, connections
from django.utils import timezone

from apps.core.errors import AppError
from apps.core.http_client.errors import Forbidden
from apps.core.http_client.loop import io_loop
from apps.events.domain.deliveries import is_success, signature_headers
from apps.events.services import deliveries
from apps.events.services.deliveries import Claimed, Result

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
FAILED_PAUSE = 1.0
FORGET_SECONDS = 600.0
MOST_UNDER_WAY = 500
READ_BYTES = 64 * 1024


class Deliverer:
    """`start` and `stop` run the thread; `turn` is one round of its work."""

    def __init__(self) -> None:
        self._ended: SimpleQueue[Result] = SimpleQueue()
        self._unsettled: list[Result] = []
        self._under_way = 0
        self._forgot_at = monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more; what is under way is left to whoever is next, under the same id."""
        self._stopped.set()
        deliveries.bell.set()
        self._thread.join(5.0)

    def turn(self) -> bool:
        """Settle, then begin what is due; whether there was anything."""
        settled = self._settle()
        room = MOST_UNDER_WAY - self._under_way
        claimed = deliveries.claim(most=room) if room > 0 else []
        for one in claimed:
            self._under_way += 1
            asyncio.run_coroutine_threadsafe(self._attempt(one), io_loop())
        if monotonic() - self._forgot_at > FORGET_SECONDS:
            self._forgot_at = monotonic()
            deliveries.forget_old()
        return settled or bool(claimed)

    def finish(self, seconds: float) -> None:
        """Wait for what is under way and settle it. For tests and commands."""
        until = monotonic() + seconds
        while self._under_way and monotonic() < until:
            deliveries.bell.wait(0.02)
            deliveries.bell.clear()
            self._settle()

    def _run(self) -> None:
        is_failing, pause = False, POLL_SECONDS
        while not self._stopped.is_set():
            deliveries.bell.wait(pause)
            deliveries.bell.clear()
            pause = POLL_SECONDS
            try:
                close_old_connections()
                while self.turn() and not self._stopped.is_set():
                    pass
                pause = deliveries.seconds_to_next(most=POLL_SECONDS)
            except Exception as error:  # noqa: BLE001 - the next round may do better
                if not is_failing:
                    log.warning("deliverer_failed", error=repr(error))
                is_failing = True
                self._stopped.wait(FAILED_PAUSE)
            else:
                is_failing = False
        connections.close_all()

    def _settle(self) -> bool:
        while True:
            try:
                self._unsettled.append(self._ended.get_nowait())
            except Empty:
                break
            self._under_way -= 1
        found = bool(self._unsettled)
        deliveries.settle(self._unsettled)  # kept until it was done: a database may be away
        self._unsettled = []
        return found

    async def _attempt(self, claimed: Claimed) -> None:
        self._ended.put(await attempt(claimed))
        deliveries.bell.set()


async def attempt(claimed: Claimed) -> Result:
    """One POST, and what came of it; never raises."""
    from apps.core.http_client import client  # noqa: PLC0415 - seven megabytes, when there is something to deliver

    at = timezone.now()
    headers = {
        "content-type": "application/json",
        "accept-encoding": "identity",
        **signature_headers(
            message_id=claimed.message_id, at=at, body=claimed.body, secrets=claimed.secrets
        ),
    }
    started = monotonic()
    try:
        reply = await client.call(
            "POST",
            claimed.url,
            headers=headers,
            body=claimed.body,
            limits=client.Limits(settings.SIGNALBOX_WEBHOOK_TIMEOUT, READ_BYTES),
        )
    except Forbidden as error:
        problem = f"The address {error}."
    except AppError as error:
        problem = error.message
    except Exception as error:
        log.exception("delivery_failed", message=claimed.message_id, error=repr(error))
        problem = "The attempt failed on our side."
    else:
        return Result(
            claimed,
            at,
            status=reply.status,
            error="" if is_success(reply.status) else f"The receiver answered {reply.status}.",
            milliseconds=reply.milliseconds,
            request_headers=headers,
            answer_headers=reply.headers,
            answer_body=reply.body,
        )
    spent = round((monotonic() - started) * 1000, 2)
    return Result(claimed, at, error=problem, milliseconds=spent, request_headers=headers)
