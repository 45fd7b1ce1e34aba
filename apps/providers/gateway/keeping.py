"""What is done with the words of a call beside sending them: kept for those who ask the same, captured for reading."""

from __future__ import annotations

from collections.abc import Sequence
import orjson
from django.conf import settings

from apps.core.spool import process as spool
from apps.providers.domain import caching
from apps.providers.domain.calls import Answer, Event
from apps.providers.domain.captures import KIND, captured
from apps.providers.enums import CallStatus
from apps.providers.gateway.kept import MOST_BYTES, Kept, flights, shelf
from apps.providers.gateway.trace import Trace


class Keeper:
    """Of one call. Made only where its route keeps or captures answers."""

    def __init__(self, trace: Trace) -> None:
        assert trace.route is not None
        route, call = trace.route, trace.call
        self._captures = route.captures
        self._seconds = route.cache_seconds
        self._wishes = caching.read_wishes(call.cache_control)
        self._key = ""
        if route.cache_seconds and (self._wishes.may_read or self._wishes.may_store):
            self._key = caching.key_of(trace.actor.organization_id, route, call)
        self._is_first = False
        self._events: list[Event] = []
        self._answer: Answer | None = None
        self._size = 0

    async def find(self) -> Kept | None:
        """An answer that is there, or that somebody else is being given just now."""
        if not self._key or not self._wishes.may_read:
            return None
        kept = await shelf().get(self._key) or await flights.join(self._key)
        if kept is not None and self._wishes.suits(kept.at):
            return kept
        self._is_first = self._wishes.may_store and flights.begin(self._key)
        return None

    def take(self, events: Sequence[Event]) -> None:
        """What goes out of a stream."""
        self._size += sum(len(event.raw) or len(event.text) + 200 for event in events)
        if self._size <= MOST_BYTES:
            self._events += events

    def take_answer(self, answer: Answer) -> None:
        self._answer = answer
        self._size = len(answer.raw)

    async def finish(self, trace: Trace, status: CallStatus) -> None:
        """The call has ended."""
        kept = self._kept() if status is CallStatus.OK and not trace.is_cached else None
        if self._key and self._wishes.may_store and kept is not None:
            await shelf().put(self._key, kept, self._seconds)
        if self._is_first:
            flights.end(self._key, kept)
        if self._captures:
            self._capture(trace, status)

    def _kept(self) -> Kept | None:
        if not self._key or self._size > MOST_BYTES:
            return None
        if self._answer is not None:
            return Kept.of_answer(self._answer)
        return Kept.of_events(self._events) if self._events else None

    def _capture(self, trace: Trace, status: CallStatus) -> None:
        record = captured(
            organization=trace.actor.organization_id,
            request_id=trace.actor.request_id,
            key=trace.actor.credential.id,
            call=trace.call,
            status=status,
            answer=self._said(),
            is_cut=self._size > MOST_BYTES,
            at=trace.at,
            expires_at=trace.at + settings.SIGNALBOX_CAPTURE_RETENTION,
        )
        spool.append(KIND, record)

    def _said(self) -> object:
        if self._answer is not None:
            return self._answer.body or orjson.loads(self._answer.raw or b"null")
        return {"text": "".join(event.text for event in self._events)} if self._events else None
