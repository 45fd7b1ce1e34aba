"""One attempt at one deployment: a whole answer, or a stream read event by event. Every way to fail is a `Failed`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import perf_counter

from apps.core.http_client.errors import CallFailed, CallTimedOut, Forbidden
from apps.providers.adapters import refusals
from apps.providers.adapters.protocol import Adapter, EventReader, Exchange, UpstreamFailed
from apps.providers.domain.calls import Answer, Event, UpstreamCall
from apps.providers.domain.choice import Step
from apps.providers.domain.continuation import Overlap, go_on, with_less
from apps.providers.domain.retries import Failure, Next, failure_of_error, failure_of_refusal
from apps.providers.domain.seams import Begun, Seam, trimmed_answer
from apps.providers.domain.tables import DeploymentView
from apps.providers.errors import UpstreamCut, UpstreamInvalid, UpstreamLimited
from apps.providers.gateway import admission, estimates
from apps.providers.gateway.health import health
from apps.providers.gateway.trace import Trace
from apps.providers.gateway.translation import translation_for, way_at
from apps.providers.gateway.upstreams import adapter_of, transport_of
from apps.providers.ledger.factory import get_ledger
from apps.providers.ledger.protocol import Busy, Slot, SlotLimits

MOST_WHOLE = 64 * 1024 * 1024
MOST_STREAMED = 256 * 1024 * 1024
MOST_REFUSAL = 64 * 1024
LONGEST_STREAM = 24 * 3600.0
DRAIN_SECONDS = 0.25
"""How long the end of a body may take after the last thing it had to say."""
WENT_WRONG = (Forbidden, CallFailed, CallTimedOut, UpstreamInvalid)


class Failed(Exception):
    """An attempt that failed. `failure` says what that means for the next one."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error.message)
        self.failure = failure


class Attempt:
    """One deployment asked once. Close it, whatever became of it."""

    def __init__(self, trace: Trace, step: Step, begun: Begun | None = None) -> None:
        """`begun` is the stream that this one goes on with."""
        self._trace = trace
        self._deployment = step.deployment
        self._adapter: Adapter = adapter_of(step.deployment.provider.kind)
        self._exchange: Exchange | None = None
        self._pieces: AsyncIterator[bytes] | None = None
        self._slot: Slot | None = None
        self._translation = translation_for(trace.call, self._adapter, step.deployment)
        self._seam: Seam | None = None
        self._overlap: Overlap | None = None
        self._upstream_call = self._make_call(begun)
        self._has_ended = False
        self._reader: EventReader | None = None
        self._due = 0.0
        trace.deployment = step.deployment
        trace.is_fallback = step.is_fallback
        trace.was_sent = False

    async def ask(self) -> Answer:
        """The whole answer, in the caller's dialect."""
        seconds = self._deployment.timeout_seconds
        with _failures(self._deployment):
            await self._open(seconds, seconds, seconds, MOST_WHOLE)
            body = await self._read(MOST_WHOLE)
            answer = self._adapter.answer(self._upstream_call, body)
            if self._translation is not None:
                answer = self._translation.answer(answer)
        return answer if self._overlap is None else trimmed_answer(answer, self._overlap)

    async def open(self) -> None:
        """Send the call, and see that a stream begins."""
        deployment = self._deployment
        with _failures(self._deployment):
            loop = asyncio.get_running_loop()
            self._due = loop.time() + deployment.first_token_seconds
            await self._open(
                deployment.first_token_seconds,
                deployment.idle_seconds,
                LONGEST_STREAM,
                MOST_STREAMED,
            )
            self._reader = self._adapter.events(self._upstream_call)

    async def next(self) -> list[Event]:
        """The events that come next, in the caller's dialect; the last of all `is_last`."""
        assert self._reader is not None
        with _failures(self._deployment):
            while True:
                piece = await self._next_piece()
                if piece is None:
                    events = self._reader.close()
                    if not events:
                        raise UpstreamCut
                else:
                    events = self._reader.feed(piece)
                if events and self._translation is not None:
                    events = self._translation.events(events)
                if events and self._seam is not None:
                    events = self._seam.events(events)
                if events:
                    self._due = 0.0
                    return events
                self._refuse_drip()

    async def until_token(self) -> list[Event]:
        """What comes up to the first token. It is held back: until then the call may still go elsewhere."""
        held = await self.next()
        while not any(map(_says_something, held)):
            held += await self.next()
        return held

    async def close(self) -> None:
        """Let go of the upstream at once, and of the place at the deployment."""
        if self._exchange is not None:
            if not self._has_ended:
                await self._exchange.close()
            self._exchange = None
        if self._slot is not None:
            slot, self._slot = self._slot, None
            usage = self._trace.usage
            await get_ledger().free_slot(slot, usage.total_tokens if usage else slot.tokens)

    async def finish(self) -> None:
        """Read the end of an answer that is whole, so that its connection serves the next call."""
        assert self._pieces is not None
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self._has_ended:
                    await self._next_piece()
        except (TimeoutError, *WENT_WRONG):
            pass
        finally:
            await self.close()

    async def take_slot(self) -> None:
        """A place at the deployment, where it bounds how much it takes."""
        deployment = self._deployment
        limits = SlotLimits(
            deployment.id,
            deployment.parallel,
            deployment.requests_per_minute,
            deployment.tokens_per_minute,
        )
        if limits.is_unlimited:
            return
        tokens = 0
        if limits.tokens_per_minute is not None:
            call = self._trace.call
            tokens = estimates.likely_prompt(call, deployment)
            tokens += estimates.likely_completion(call, deployment)
        lasts = deployment.timeout_seconds + admission.SLACK_SECONDS
        taken = await get_ledger().take_slot(limits, tokens, lasts)
        if isinstance(taken, Busy):
            error = UpstreamLimited(
                "This model is busy.", retry_after=max(1, round(taken.retry_after + 0.499))
            )
            raise Failed(
                Failure(
                    error, Next.AGAIN, retry_after=max(0.05, taken.retry_after), was_tried=False
                )
            )
        self._slot = taken

    def _make_call(self, begun: Begun | None) -> UpstreamCall:
        trace, call, deployment = self._trace, self._trace.call, self._deployment
        body = call.body if self._translation is None else self._translation.body
        if trace.prefill and (way := way_at(call, deployment)) is not None:
            body = go_on(body, trace.prefill, way)
            if trace.past is not None:
                body = with_less(body, trace.past.completion_tokens)
            self._overlap = Overlap(trace.prefill, way)
            self._seam = Seam(begun or Begun(), self._overlap, trace.past)
        most = admission.affordable_completion(self._trace, deployment)
        if most is not None:
            name = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
            asked = body.get(name)
            if not isinstance(asked, int) or asked > most:
                body = {**body, name: most}
        operation = call.operation if self._translation is None else self._translation.operation
        return UpstreamCall(operation, deployment.model, body, call.is_stream)

    async def _open(self, first: float, idle: float, total: float, most: int) -> None:
        trace, provider = self._trace, self._deployment.provider
        request = self._adapter.request(self._upstream_call, provider)
        trace.attempts += 1
        trace.was_sent = True
        began = perf_counter()
        try:
            self._exchange = exchange = await transport_of(provider.kind).open(
                request,
                first_byte_seconds=first,
                idle_seconds=idle,
                total_seconds=total,
                most_bytes=most,
            )
        finally:
            trace.upstream_seconds += perf_counter() - began
        self._pieces = exchange.pieces()
        if not 200 <= exchange.status < 300:
            trace.was_sent = False
            body = await self._read(MOST_REFUSAL, is_strict=False)
            raise UpstreamFailed(self._adapter.refusal(exchange.status, exchange.headers, body))

    async def _next_piece(self) -> bytes | None:
        assert self._pieces is not None
        began = perf_counter()
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            self._has_ended = True
            return None
        finally:
            self._trace.upstream_seconds += perf_counter() - began

    async def _read(self, most: int, *, is_strict: bool = True) -> bytes:
        first = b""
        parts: list[bytes] = []
        size = 0
        try:
            while (piece := await self._next_piece()) is not None and size <= most:
                size += len(piece)
                if first:
                    parts.append(piece)
                else:
                    first = piece
        except WENT_WRONG:
            if is_strict:
                raise
        return b"".join((first, *parts)) if parts else first

    def _refuse_drip(self) -> None:
        """Bytes that never make an event are silence."""
        now = asyncio.get_running_loop().time()
        if not self._due:
            self._due = now + self._deployment.idle_seconds
        elif now > self._due:
            raise CallTimedOut("The server says nothing.")


def _says_something(event: Event) -> bool:
    return bool(event.text or event.hidden or event.finish_reason or event.is_last)


class _failures:  # noqa: N801 - reads as a statement
    """Whatever the upstream does wrong within, as a `Failed`. A class: a generator would cost more than a small call."""

    def __init__(self, deployment: DeploymentView) -> None:
        self._deployment = deployment

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, Failed):
            return
        if isinstance(error, UpstreamFailed):
            # An upstream may say the credential back that it was sent.
            refusal = refusals.masked(error.refusal, self._deployment.provider.credential)
            raise Failed(failure_of_refusal(refusal)) from error
        if isinstance(error, Exception) and (failure := failure_of_error(error)) is not None:
            raise Failed(failure) from error


def note(trace: Trace, failure: Failure | None) -> None:
    """Tell the deployment's health how an attempt went."""
    assert trace.deployment is not None
    if failure is None:
        health.note_success(trace.deployment)
    elif failure.is_unwell:
        health.note_failure(trace.deployment, failure.retry_after)
