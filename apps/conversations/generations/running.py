"""One answer being written: the call, the text as it comes, and the one way it ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import structlog

from apps.conversations.domain import context
from apps.conversations.domain.answers import (
    INTERRUPTED,
    INTERRUPTED_MESSAGE,
    Checkpoint,
    Ending,
)
from apps.conversations.domain.texts import storable
from apps.conversations.domain.tool_calls import ToolCalls
from apps.conversations.enums import MessageStatus, Trimming
from apps.conversations.generations import calls, summaries
from apps.conversations.generations.calls import Reach
from apps.conversations.generations.transcripts import Transcript
from apps.conversations.queries import briefs
from apps.conversations.queries.briefs import Brief
from apps.conversations.services.messages import Begun
from apps.core.actor import Actor
from apps.core.asgi.gate import to_app_error
from apps.core.asgi.pool import in_pool
from apps.core.errors import AppError
from apps.providers.domain.calls import Call, Event
from apps.providers.domain.continuation import Overlap, Way
from apps.providers.gateway import engine
from apps.providers.gateway.trace import Trace

log = structlog.get_logger(__name__)


class Generation:
    """Belongs to the process, not to whoever looks. `run` always comes to an ending, unless the loop itself ends."""

    def __init__(
        self, actor: Actor, begun: Begun, *, brief: Brief | None = None, is_counted: bool = False
    ) -> None:
        self.actor = actor
        self.message_pk: int = begun.message.pk
        self.message: str = begun.message.public_id
        self.organization_id: int = begun.message.organization_id
        self.transcript = Transcript(
            self.message, begun.message.content, begun.message.reasoning, is_ours=True
        )
        self.ending: Ending | None = None
        """Set before viewers hear of it: they hear once it is written down."""
        self.error: AppError | None = None
        """What it failed of, for a caller who waits."""
        self.listened_until = 0.0
        """Until when viewers of other processes are believed to listen."""
        self._model: str = begun.message.model
        self._begun = begun
        self._brief = brief
        self._is_counted = is_counted
        self._trace: Trace | None = None
        self._spent: tuple[int | None, int | None, int | None] = (None, None, None)
        self._finish_reason = ""
        self._tool_calls = ToolCalls()
        self._overlap: Overlap | None = None
        """Of an answer that is gone on with: some models say its beginning again."""
        self._task: asyncio.Task[None] | None = None
        self._verdict: MessageStatus | None = None
        self._written = (len(self.transcript.content), len(self.transcript.reasoning))
        self._is_context_written = False

    def begin(self, on_end: Any) -> None:
        self._task = asyncio.create_task(self._run(on_end), name=f"generation {self.message}")

    def stop(self, verdict: MessageStatus = MessageStatus.STOPPED) -> None:
        """End it as soon as the upstream is let go. Whoever says so first is right."""
        if self._verdict is None and self.ending is None and self._task is not None:
            self._verdict = verdict
            self._task.cancel()

    def checkpoint(self) -> Checkpoint:
        """What has come since the last one that was written."""
        content, reasoning = self._written
        transcript = self.transcript
        transcript.content.tidy()
        return Checkpoint(
            message=self.message_pk,
            content_from=content,
            content=transcript.content.since(content),
            reasoning_from=reasoning,
            reasoning=transcript.reasoning.since(reasoning),
            context=None if self._is_context_written else transcript.context,
            ending=self.ending,
        )

    def written(self, checkpoint: Checkpoint) -> None:
        content = checkpoint.content_from + len(checkpoint.content)
        self._written = (content, checkpoint.reasoning_from + len(checkpoint.reasoning))
        self._is_context_written = self._is_context_written or checkpoint.context is not None
        if checkpoint.ending is not None:
            self.transcript.end(checkpoint.ending)

    async def _run(self, on_end: Any) -> None:
        self.ending = await self._end()
        on_end(self)

    async def _end(self) -> Ending:
        try:
            await self._write()
        except asyncio.CancelledError:
            if self._verdict is None:
                raise  # the loop ends under us: who looks finds a lease that has run out
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            return self._ended(self._verdict)
        except Exception as error:  # noqa: BLE001 - an answer ends in words, whatever happened
            return self._failed(error)
        return self._ended(MessageStatus.COMPLETE)

    async def _write(self) -> None:
        call = await self._call()
        trace = self._trace = Trace(self.actor, call, is_counted=self._is_counted)
        stream = await engine.stream(self.actor, call, trace)
        try:
            async for events in stream:
                self._take(events)
        finally:
            await stream.aclose()
            if self._overlap is not None:
                self.transcript.content.add(self._overlap.rest())

    async def _call(self) -> Call:
        """Who said what before, as much of it as the model reads."""
        reach = await calls.reach_of(self.actor, self._model)
        brief = await self._read(reach)
        self._spent = brief.spent
        terms = brief.terms
        budget = calls.budget_of(reach, terms.context_tokens, terms.parameters)
        window, system = calls.window_of(brief, budget)
        if window.left_out and terms.trimming is Trimming.SUMMARY and budget is not None:
            brief = await self._summed_up(brief, budget // context.KEPT_SHARE)
            window, system = calls.window_of(brief, budget)
        told = calls.told_of(brief, window, is_summarized=bool(brief.summary))
        self.transcript.context = told
        self.transcript.changed()
        if brief.so_far:
            self._overlap = Overlap(brief.so_far, reach.way or Way.TRAILING)
        return calls.call_of(
            model=self._model,
            conversation=self._begun.conversation.public_id,
            brief=brief,
            window=window,
            system=system,
            way=reach.way,
        )

    async def _read(self, reach: Reach) -> Brief:
        """What was said before, unless whoever began us has read it."""
        found, self._brief = self._brief, None
        if found is not None:
            return found
        return await in_pool(
            briefs.brief_of,
            message=self._begun.message,
            conversation=self._begun.conversation,
            sees_pictures=reach.sees_pictures,
            most_tokens=reach.context_tokens,
        )

    async def _summed_up(self, brief: Brief, budget: int) -> Brief:
        """The brief with what does not go into the budget in short; as it was when nobody sums it up."""
        window, _ = calls.window_of(brief, budget)
        if not window.left_out:
            return brief
        text = await summaries.sum_up(
            self.actor,
            model=self._model,
            conversation_pk=self._begun.conversation.pk,
            brief=brief,
            window=window,
        )
        if text is None:
            return brief
        gone = len(window.left_out)
        return replace(brief, summary=text, turns=brief.turns[gone:], older=brief.older + gone)

    def _take(self, events: list[Event]) -> None:
        transcript = self.transcript
        for event in events:
            if event.text:
                text = storable(event.text)
                transcript.content.add(self._overlap.take(text) if self._overlap else text)
            if event.hidden:
                transcript.reasoning.add(storable(self._tool_calls.take(event.data)))
            if event.finish_reason:
                self._finish_reason = event.finish_reason
        transcript.changed()

    def _failed(self, error: Exception) -> Ending:
        known = to_app_error(error)
        if known is None:
            log.error("generation_failed", request_id=self.actor.request_id, exc_info=error)
            known = AppError()
        self.error = known
        return self._ended(MessageStatus.FAILED, known.code, known.message)

    def _ended(self, status: MessageStatus, code: str = "", said: str = "") -> Ending:
        if status is MessageStatus.INTERRUPTED:
            code, said = INTERRUPTED, INTERRUPTED_MESSAGE
        usage = self._trace.usage if self._trace is not None else None
        prompt, completion, cost = self._spent
        if self._trace is not None and usage is not None and self._trace.attempts:
            prompt = (prompt or 0) + usage.prompt_tokens
            completion = (completion or 0) + usage.completion_tokens
            cost = (cost or 0) + self._trace.cost_nano
        return Ending(
            status=status,
            finish_reason=self._finish_reason,
            error_code=code,
            error_message=said,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost_nano=cost,
            request_id=self.actor.request_id,
            tool_calls=self._tool_calls.whole(),
        )
