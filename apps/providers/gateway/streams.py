"""A stream to its end: begun at one deployment or the next, cut honestly, booked once.

No generators here: a stream that nobody ever reads must still be closed, and a generator that was never begun has
nothing to close.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Self

from apps.core.asgi.aside import aside, surely
from apps.core.errors import AppError
from apps.providers.adapters.protocol import UpstreamFailed
from apps.providers.domain.calls import Event
from apps.providers.domain.choice import Plan
from apps.providers.domain.guardrails.streams import StreamGuard
from apps.providers.enums import CallStatus
from apps.providers.errors import (
    NoDeployment,
    UpstreamCut,
    UpstreamInvalid,
    UpstreamTimedOut,
)
from apps.providers.gateway import attempts, settlement
from apps.providers.gateway.attempts import Attempt, Failed
from apps.providers.gateway.continuing import Continuation, continuation_of
from apps.providers.gateway.shaping import stream_guard
from apps.providers.gateway.trace import Trace


class Stream:
    """Batches of events in the caller's dialect. Ends with an event that `is_last`, or raises an `AppError`."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._attempt: Attempt | None = None
        self._first: list[Event] | None = None
        self._is_over = False
        self._guard: StreamGuard | None = None
        self._continuation: Continuation | None = None
        self.is_whole = False
        """Whether the word for the end was spoken."""

    async def begin(self, plan: Plan) -> None:
        """Until the first token is there. Raises what the caller is to be told."""
        trace = self.trace
        if trace.kept is not None:
            self._first = trace.kept.events()
            return
        step = plan.first()
        if step is None:
            raise NoDeployment
        self._guard = stream_guard(trace)
        self._continuation = continuation_of(trace, plan)
        while True:
            self._attempt = attempt = Attempt(trace, step)
            try:
                await attempt.take_slot()
                await attempt.open()
                self._first = await self._until_token(attempt)
                return
            except Failed as failed:
                attempts.note(trace, failed.failure)
                await attempt.close()
                step = plan.after(failed.failure)
                if step is None:
                    raise failed.failure.error from failed
                if step.wait_seconds > 0:
                    await asyncio.sleep(step.wait_seconds)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Event]:
        if self._is_over:
            raise StopAsyncIteration
        events, self._first = self._first, None
        while not events:
            events = await self._next()
        if self.trace.keeper is not None:
            self.trace.keeper.take(events)
        if events[-1].is_last:
            # Booked before the last word goes out: who has heard it may ask at once what it cost.
            self._is_over = self.is_whole = True
            if self._attempt is not None:
                attempts.note(self.trace, None)
            await settlement.settle_quietly(self.trace, CallStatus.OK)
            if self._attempt is not None:
                aside(self._attempt.finish())
        return events

    async def events(self) -> AsyncIterator[Event]:
        """One by one, for whoever needs no batches."""
        try:
            async for batch in self:
                for event in batch:
                    yield event
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """The caller is gone, or has enough. Safe at any time."""
        if not self._is_over:
            self._is_over = True
            await surely(self._end_quietly(CallStatus.CANCELLED))

    async def fail(self, error: BaseException) -> None:
        """Nothing of it was sent on."""
        self._is_over = True
        if self._attempt is not None:
            await surely(self._attempt.close())
        await settlement.settle_failed(self.trace, error)

    async def _until_token(self, attempt: Attempt) -> list[Event]:
        trace = self.trace
        held = await attempt.until_token()
        trace.first_token_seconds = trace.seconds
        self._count(held)
        return self._guard.events(held) if self._guard is not None else held

    async def _next(self) -> list[Event]:
        assert self._attempt is not None
        try:
            try:
                events = await self._attempt.next()
            except Failed as failed:
                events = await self._go_on(failed)
        except Failed as failed:
            error = cut_error(failed)
            self._is_over = True
            await surely(self._end_quietly(CallStatus.CUT, error))
            raise error from failed
        except BaseException:
            self._is_over = True
            await surely(self._end_quietly(CallStatus.CANCELLED))
            raise
        self._count(events)
        return events if self._guard is None else await self._guarded(self._guard, events)

    async def _go_on(self, failed: Failed) -> list[Event]:
        """What comes from where it goes on. Raises the failure again where it does not."""
        assert self._attempt is not None
        attempts.note(self.trace, failed.failure)
        if self._continuation is None or not self._continuation.is_possible(failed):
            raise failed
        await self._attempt.close()
        self._attempt, events = await self._continuation.go_on(failed)
        return events

    async def _guarded(self, guard: StreamGuard, events: list[Event]) -> list[Event]:
        """What a guardrail lets through by now."""
        try:
            return guard.events(events)
        except AppError as error:
            self._is_over = True
            await surely(self._end_quietly(CallStatus.REFUSED, error))
            raise

    def _count(self, events: list[Event]) -> None:
        trace = self.trace
        for event in events:
            size = len(event.text) + len(event.hidden)
            if size:
                trace.text_events += 1
                trace.text_bytes += size
            if event.usage is not None:
                trace.usage = event.usage
        if self._continuation is not None:
            self._continuation.begun.note(events)

    async def _end_quietly(self, status: CallStatus, error: AppError | None = None) -> None:
        """Let go of the upstream first, whatever becomes of the books."""
        if self._attempt is not None:
            await self._attempt.close()
        await settlement.settle_quietly(self.trace, status, error)


def cut_error(failed: Failed) -> AppError:
    """What is told within a stream that had begun."""
    match failed.failure.error:
        case UpstreamTimedOut():
            return UpstreamTimedOut("The provider fell silent before its answer was whole.")
        case UpstreamInvalid() as error:
            return error
        case error if isinstance(failed.__cause__, UpstreamFailed):
            return error
    return UpstreamCut()
