"""What is done with the words of a call beside sending them: kept for those who ask the same, captured for reading."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from django.conf import settings

from apps.core.actor import CredentialKind
from apps.core.spool import process as spool
from apps.providers.domain import caching
from apps.providers.domain.calls import Answer, Event
from apps.providers.domain.captures import KIND, captured
from apps.providers.enums import CallStatus
from apps.providers.gateway.kept import MOST_BYTES, Kept, flights, shelf
from apps.providers.gateway.trace import Trace

ROUNDS = 2
"""How many others' calls are waited for: whoever saw two of them fail asks for themselves."""


def keeper_of(trace: Trace) -> Keeper | None:
    """None where neither route nor key asks for anything to be put aside."""
    assert trace.route is not None
    # A key's wish counts where its route has none.
    seconds = trace.route.cache_seconds or trace.actor.identity.cache_seconds
    return Keeper(trace, seconds) if seconds or trace.route.captures else None


class Keeper:
    """Of one call."""

    def __init__(self, trace: Trace, seconds: int) -> None:
        assert trace.route is not None
        self._captures = trace.route.captures
        self._seconds = seconds
        self._wishes = wishes = caching.read_wishes(trace.call.cache_control)
        self._key = ""
        if seconds and not trace.call.continues_text and (wishes.may_read or wishes.may_store):
            self._key = caching.key_of(trace.actor.organization_id, trace.route, trace.call)
        self._is_first = False
        self._is_spoilt = False
        self._events: list[Event] = []
        self._answer: Answer | None = None
        self._size = 0

    async def find(self) -> Kept | None:
        """An answer that is there, or that somebody else is being given just now."""
        if not self._key or not self._wishes.may_read:
            return None
        kept = await shelf().get(self._key)
        if kept is not None and self._wishes.suits(kept.at):
            return kept
        if not self._wishes.may_store:
            return None
        for _ in range(ROUNDS):
            if flights.begin(self._key):
                self._is_first = True
                return None
            kept = await flights.join(self._key)
            if kept is not None and self._wishes.suits(kept.at):
                return kept
        return None

    def take(self, events: Sequence[Event]) -> None:
        """What goes out of a stream."""
        self._size += sum(len(event.raw) or len(event.text) + 200 for event in events)
        if self._size <= MOST_BYTES:
            self._events += events

    def spoil(self) -> None:
        """Not to be kept: it was put together from what several deployments said."""
        self._is_spoilt = True

    def take_answer(self, answer: Answer) -> None:
        self._answer = answer
        self._size = len(answer.raw)

    def finish(self, trace: Trace, status: CallStatus, *, is_recorded: bool) -> Kept | None:
        """The call has ended: whoever waits hears of it. Answers what is to be kept, if anything."""
        kept = None
        try:
            if status is CallStatus.OK and not trace.is_cached:
                kept = self._kept()
        finally:
            if self._is_first:
                flights.end(self._key, kept)
        if self._captures and is_recorded:
            self._capture(trace, status)
        return kept if self._wishes.may_store else None

    async def put(self, kept: Kept) -> None:
        await shelf().put(self._key, kept, self._seconds)

    def _kept(self) -> Kept | None:
        if not self._key or self._is_spoilt or self._size > MOST_BYTES:
            return None
        if self._answer is not None:
            return Kept.of_answer(self._answer)
        return Kept.of_events(self._events) if self._events else None

    def _capture(self, trace: Trace, status: CallStatus) -> None:
        credential = trace.actor.credential
        record = captured(
            organization=trace.actor.organization_id,
            request_id=trace.actor.request_id,
            key=credential.id if credential.kind is CredentialKind.KEY else "",
            call=trace.call,
            status=status,
            answer=self._said(),
            is_cut=self._answer is None and self._size > MOST_BYTES,
            at=trace.at,
            expires_at=trace.at + settings.SIGNALBOX_CAPTURE_RETENTION,
        )
        spool.append(KIND, record)

    def _said(self) -> object:
        if self._answer is not None:
            return self._answer.body or orjson.loads(self._answer.raw or b"null")
        return {"text": "".join(event.text for event in self._events)} if self._events else None
