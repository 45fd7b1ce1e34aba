"""A call made by a worker: with the limits and the budget of whoever asked, ended when its job is cancelled.

An answer is written down before its job ends. A worker that dies in between is followed by one that finds it, and does
not pay again.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace
from threading import Event
from typing import Any

from apps.core import idempotency, json
from apps.core.actor import Actor, CredentialKind
from apps.core.errors import AppError, Conflict, Invalid, Malformed, NotFound, PermissionDenied
from apps.core.http_client.loop import io_loop
from apps.jobs.domain.kinds import Cancelled, Context, Refused
from apps.keys.queries.identities import identity_of_key_id
from apps.providers.domain.calls import Call
from apps.providers.errors import BudgetExceeded
from apps.providers.gateway import engine

PLACE = "JOB providers.completion"
LOOK_SECONDS = 0.2
END_SECONDS = 5.0
"""How long a cancelled call may take to let go of its upstream."""
FINAL = (Invalid, Malformed, NotFound, PermissionDenied, Conflict, BudgetExceeded)
"""No further attempt would fare better."""


def complete_for_job(context: Context, call: Call) -> Any:
    """The answer in the caller's dialect. Raises what its job is to be told."""
    actor = _actor_of(context)
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
    ended = Event()

    async def run() -> bytes:
        try:
            return (await engine.complete(actor, call)).raw
        finally:
            ended.set()

    future = asyncio.run_coroutine_threadsafe(run(), io_loop())
    while True:
        try:
            return future.result(LOOK_SECONDS)
        except NotYet:
            if future.done():
                raise
            if context.is_cancelled():
                future.cancel()
                ended.wait(END_SECONDS)
                raise Cancelled from None


def _actor_of(context: Context) -> Actor:
    """Who asked, as they may act now: by a key with its terms."""
    actor = context.actor
    if actor is None:
        raise Refused("creator_not_allowed", "Its creator may not do this any more.")
    if actor.credential.kind is not CredentialKind.KEY:
        return actor
    identity = identity_of_key_id(organization_id=actor.organization_id, key_id=actor.credential.id)
    if identity is None:
        raise Refused("key_ended", "The key that asked for it was revoked or has expired.")
    permissions = identity.permissions & actor.permissions
    return replace(actor, identity=replace(identity, permissions=permissions))


def _told(error: AppError) -> str:
    if isinstance(error, Invalid) and error.fields:
        return "; ".join(f"{each.field} {each.message}" for each in error.fields)
    return error.message
