"""The one way to a model: admitted, sent to a deployment that is well, tried again where that helps, and booked.

`complete` gives the whole answer, `stream` its events; both in the caller's dialect, whoever answers. Warm, nothing
here touches the database.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from apps.core import json
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.core.permissions import require
from apps.providers.domain.calls import Answer, Call
from apps.providers.domain.choice import Plan, Step
from apps.providers.domain.retries import Failure
from apps.providers.enums import CallStatus, ProvidersPermission
from apps.providers.errors import NoDeployment
from apps.providers.gateway import attempts, routing, settlement
from apps.providers.gateway.admission import checks_for, reserve
from apps.providers.gateway.attempts import Attempt, Failed
from apps.providers.gateway.keeping import keeper_of
from apps.providers.gateway.shaping import shape_answer
from apps.providers.gateway.streams import Stream
from apps.providers.gateway.trace import Trace


@dataclass(slots=True)
class Reply:
    """A whole answer. `raw` is its JSON."""

    answer: Answer
    trace: Trace

    @property
    def raw(self) -> bytes:
        return self.answer.raw or json.dumps(self.answer.body)


async def complete(actor: Actor, call: Call, trace: Trace | None = None) -> Reply:
    """The whole answer. Raises what the caller is to be told.

    A door hands its own `trace` in, to read headers off it whatever happens.
    """
    require(actor, ProvidersPermission.CALL)
    trace = trace or Trace(actor, call)
    try:
        plan = await begin(trace)
        answer = trace.kept.answer() if trace.kept is not None else await _ask(trace, plan)
        if trace.kept is None:
            trace.usage, trace.text = answer.usage, answer.text + answer.hidden
            answer = shape_answer(trace, answer)
        if trace.keeper is not None:
            trace.keeper.take_answer(answer)
        await settlement.settle(trace, CallStatus.OK)
    except BaseException as error:
        await settlement.settle_failed(trace, error)
        raise
    return Reply(answer, trace)


async def stream(actor: Actor, call: Call, trace: Trace | None = None) -> Stream:
    """The answer as it comes, once its first token is there: until then another deployment may take over.

    Whoever gets the stream reads it to its end or closes it.
    """
    require(actor, ProvidersPermission.CALL)
    trace = trace or Trace(actor, call)
    opened = Stream(trace)
    try:
        await opened.begin(await begin(trace))
    except BaseException as error:
        await opened.fail(error)
        raise
    return opened


async def begin(trace: Trace) -> Plan:
    """Find the route, admit the call, and plan its attempts."""
    checks = [] if trace.is_counted else checks_for(trace)
    try:
        plan, candidates = await routing.plan_for(trace)
    except AppError:
        await reserve(trace, [], checks)  # asking for what is not there counts as a call
        raise
    trace.prefill = trace.call.continues_text
    if (keeper := keeper_of(trace)) is not None:
        trace.keeper = keeper
        trace.kept = await keeper.find()
        trace.is_cached = trace.kept is not None
    await reserve(trace, candidates, checks)
    return plan


async def _ask(trace: Trace, plan: Plan) -> Answer:
    step = plan.first()
    if step is None:
        raise NoDeployment
    while True:
        attempt = Attempt(trace, step)
        try:
            await attempt.take_slot()
            answer = await attempt.ask()
        except Failed as failed:
            attempts.note(trace, failed.failure)
            step = await next_step(plan, failed.failure)
        else:
            attempts.note(trace, None)
            return answer
        finally:
            await attempt.close()


async def next_step(plan: Plan, failure: Failure) -> Step:
    """The step after a failure, when its time has come. Raises what failed when there is none."""
    step = plan.after(failure)
    if step is None:
        raise failure.error
    if step.wait_seconds > 0:
        await asyncio.sleep(step.wait_seconds)
    return step
