"""A stream that broke off after its first token, gone on with by the next deployment that can."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from apps.core.asgi.aside import surely
from apps.core.errors import AppError
from apps.providers.domain.calls import Event
from apps.providers.domain.choice import Plan, Step
from apps.providers.domain.continuation import MOST_TIMES, may_continue
from apps.providers.domain.costs import cost_of
from apps.providers.domain.retries import Failure, Next
from apps.providers.domain.seams import Begun, summed
from apps.providers.domain.tables import DeploymentView
from apps.providers.gateway import admission, attempts, settlement
from apps.providers.gateway.attempts import Attempt, Failed
from apps.providers.gateway.metrics import CONTINUATIONS
from apps.providers.gateway.shaping import checked_prefill
from apps.providers.gateway.trace import Trace
from apps.providers.gateway.translation import way_at


class Continuation:
    """Of one stream: what was said of it, and where it can go on."""

    def __init__(self, trace: Trace, plan: Plan) -> None:
        self.begun = Begun()
        self._trace = trace
        self._plan = plan

    def is_possible(self, failed: Failed) -> bool:
        begun = self.begun
        return (
            failed.failure.next is not Next.STOP
            and begun.is_text
            and bool(begun.parts)
            and self._trace.continuations < MOST_TIMES
        )

    async def go_on(self, failed: Failed) -> tuple[Attempt, list[Event]]:
        """The attempt that goes on, and its first events. Raises `failed` where none does."""
        self._put_to_the_books()
        try:
            said = self._trace.call.continues_text + self.begun.said
            self._trace.prefill = checked_prefill(self._trace, said)
        except AppError:
            raise failed from None
        failure: Failure = failed.failure
        self._plan.narrow(self._can_go_on)
        while (step := self._after(failure)) is not None:
            if step.wait_seconds > 0:
                await asyncio.sleep(step.wait_seconds)
            try:
                return await self._ask(step)
            except Failed as further:
                # Who refuses may only refuse to go on: another is asked all the same.
                failure = replace(further.failure, next=_or_other(further.failure.next))
                attempts.note(self._trace, further.failure)
        raise failed

    def _after(self, failure: Failure) -> Step | None:
        step = self._plan.after(failure)
        while step is not None and not self._suits(step):
            step = self._plan.after(replace(failure, next=Next.OTHER, was_tried=False))
        return step

    def _can_go_on(self, deployment: DeploymentView) -> bool:
        return way_at(self._trace.call, deployment) is not None

    def _suits(self, step: Step) -> bool:
        deployment = step.deployment
        return self._can_go_on(deployment) and admission.affords_more(self._trace, deployment)

    async def _ask(self, step: Step) -> tuple[Attempt, list[Event]]:
        trace = self._trace
        try:
            attempt = Attempt(trace, step, self.begun)
        except AppError as error:  # what was asked cannot be said there
            raise Failed(Failure(error, Next.OTHER, was_tried=False)) from error
        try:
            await attempt.take_slot()
            await attempt.open()
            events = await attempt.until_token()
        except BaseException:
            trace.was_sent = False  # nothing came: nothing is paid
            await surely(attempt.close())
            raise
        trace.continuations += 1
        CONTINUATIONS.labels(
            trace.actor.identity.organization, trace.route.name if trace.route else ""
        ).inc()
        if trace.keeper is not None:
            trace.keeper.spoil()
        return attempt, events

    def _put_to_the_books(self) -> None:
        """What the attempt that broke off came to; counting begins anew."""
        trace = self._trace
        assert trace.deployment is not None
        usage = trace.usage or settlement.usage_so_far(trace)
        trace.past = usage if trace.past is None else summed(trace.past, usage)
        trace.past_nano += cost_of(trace.deployment.price, usage)
        trace.usage, trace.was_sent = None, False
        trace.text_events = trace.text_bytes = 0


def continuation_of(trace: Trace, plan: Plan) -> Continuation | None:
    """None where a stream that breaks off ends there."""
    return Continuation(trace, plan) if may_continue(trace.call, trace.route) else None


def _or_other(following: Next) -> Next:
    return Next.OTHER if following is Next.STOP else following
