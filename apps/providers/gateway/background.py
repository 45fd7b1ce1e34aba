"""A call made by a worker: with the limits and the budget of whoever asked, ended when its job is cancelled.

An answer is written down before its job ends. A worker that dies in between is followed by one that finds it, and does
not pay again.
"""

from __future__ import annotations

from typing import Any

from apps.core import idempotency, json
from apps.core.actor import Actor
from apps.core.errors import AppError, Conflict, Invalid, Malformed, NotFound, PermissionDenied
from apps.core.http_client.loop import Abandoned, call_while
from apps.jobs.domain.kinds import Cancelled, Context, Refused
from apps.keys.queries.working import actor_of
from apps.providers.domain.calls import Call
from apps.providers.errors import BudgetExceeded
from apps.providers.gateway import engine

PLACE = "JOB providers.completion"
FINAL = (Invalid, Malformed, NotFound, PermissionDenied, Conflict, BudgetExceeded)
"""No further attempt would fare better."""


def complete_for_job(context: Context, call: Call) -> Any:
    """The answer in the caller's dialect. Raises what its job is to be told."""
    actor = actor_of(context)
    kept = idempotency.recall_deed(actor, PLACE, context.job_id)
    if kept is not None:
        return json.parse(kept)
    try:
        raw = _complete(context, actor, call)
    except FINAL as error:
        raise Refused(error.code, _told(error)) from error
    idempotency.keep_deed(actor, PLACE, context.job_id, raw)
    return json.parse(raw)


def _complete(context: Context, actor: Actor, call: Call) -> bytes:
    async def run() -> bytes:
        return (await engine.complete(actor, call)).raw

    try:
        return call_while(run(), lambda: not context.is_cancelled())
    except Abandoned:
        raise Cancelled from None


def _told(error: AppError) -> str:
    if isinstance(error, Invalid) and error.fields:
        return "; ".join(f"{each.field} {each.message}" for each in error.fields)
    return error.message
