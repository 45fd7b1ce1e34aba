"""A call's end: what it used, what that cost, one record of it, and the numbers that are watched."""

from __future__ import annotations

import asyncio

import structlog

from apps.core.actor import CredentialKind
from apps.core.asgi.aside import surely
from apps.core.errors import AppError, Limited
from apps.providers.domain.calls import Usage
from apps.providers.domain.costs import cost_of
from apps.providers.domain.seams import summed
from apps.providers.domain.usage import UsageEntry
from apps.providers.enums import CallStatus
from apps.providers.errors import BudgetExceeded, GuardrailRefused, UnknownModel
from apps.providers.gateway import estimates, metrics
from apps.providers.gateway.trace import Trace
from apps.providers.ledger import booking
from apps.providers.ledger.factory import get_ledger
from apps.providers.ledger.protocol import Outcome, Reservation

log = structlog.get_logger(__name__)
UNFINISHED = (CallStatus.CUT, CallStatus.CANCELLED, CallStatus.REFUSED)
"""What came until then was used all the same."""


async def settle(trace: Trace, status: CallStatus, error: AppError | None = None) -> None:
    """Book the call, once. Raises `NoRoom` when there is no place left to write it down."""
    if trace.is_booked:
        return
    trace.is_booked = True
    is_recorded = _is_recorded(trace, error)
    kept = None
    if trace.keeper is not None:
        kept = trace.keeper.finish(trace, status, is_recorded=is_recorded)
    if is_recorded:
        await _book(trace, status, error)
    else:
        await _release(trace)
    if kept is not None and trace.keeper is not None:
        await trace.keeper.put(kept)


async def _book(trace: Trace, status: CallStatus, error: AppError | None) -> None:
    _count(trace, status)
    seconds = trace.seconds
    metrics.observe(trace, status, seconds)
    reservation = trace.reservation or Reservation(
        Outcome.GRANTED, trace.actor.organization_id, at=trace.at
    )
    await booking.book(_entry(trace, status, error, seconds), reservation)


async def settle_failed(trace: Trace, error: BaseException) -> None:
    """Book a call that gave its caller no answer. Never raises."""
    match error:
        case asyncio.CancelledError() | GeneratorExit():
            status, known = CallStatus.CANCELLED, None
        case AppError():
            is_refused = not trace.attempts or isinstance(error, GuardrailRefused)
            status = CallStatus.REFUSED if is_refused else CallStatus.ERROR
            known = error
        case _:
            status, known = CallStatus.ERROR, AppError()
    await surely(settle_quietly(trace, status, known))


async def settle_quietly(trace: Trace, status: CallStatus, error: AppError | None = None) -> None:
    """The same where an error of ours would help nobody: the caller has heard another, or has left."""
    try:
        await settle(trace, status, error)
    except Exception as failure:  # noqa: BLE001 - the caller is to hear of the first error, or is gone
        log.warning("usage_not_booked", request_id=trace.actor.request_id, error=repr(failure))


def _is_recorded(trace: Trace, error: AppError | None) -> bool:
    """Unknown names and calls over their rate leave no row: whoever hammers would fill the table."""
    if trace.attempts or isinstance(error, BudgetExceeded):
        return True
    return not isinstance(error, UnknownModel | Limited) and trace.route is not None


async def _release(trace: Trace) -> None:
    if trace.reservation is not None and trace.reservation.is_granted:
        await get_ledger().release(trace.reservation)


def _count(trace: Trace, status: CallStatus) -> None:
    """Usage and cost: the upstream's word, or our own count of what went up and came."""
    if trace.is_cached or trace.deployment is None:
        trace.usage = trace.usage or Usage()
        return
    usage = trace.usage
    if status is CallStatus.OK:
        if usage is None:
            usage = (
                usage_so_far(trace)
                if trace.call.is_stream
                else estimates.counted(trace.call, trace.text, prefill=trace.prefill)
            )
        elif not usage.is_estimated and not trace.prefill:
            estimates.learn(trace.deployment, trace.prompt_estimate, usage)
    elif status in UNFINISHED and trace.was_sent:
        usage = usage or (
            usage_so_far(trace)
            if trace.call.is_stream
            else estimates.counted(trace.call, trace.text, prefill=trace.prefill)
        )
    trace.usage = usage or Usage()
    trace.cost_nano = cost_of(trace.deployment.price, trace.usage)
    if trace.past is not None:
        trace.usage = summed(trace.past, trace.usage)
        trace.cost_nano += trace.past_nano


def usage_so_far(trace: Trace) -> Usage:
    """Of a stream, by our own count of what went up and came since the present attempt began."""
    tokens = estimates.streamed_completion(trace.text_events, trace.text_bytes)
    return estimates.counted(trace.call, "", tokens, trace.prefill)


def _entry(trace: Trace, status: CallStatus, error: AppError | None, seconds: float) -> UsageEntry:
    identity, call, usage = trace.actor.identity, trace.call, trace.usage or Usage()
    deployment, reservation = trace.deployment, trace.reservation
    is_key = identity.credential.kind is CredentialKind.KEY
    first = trace.first_token_seconds
    return UsageEntry(
        organization=identity.organization_id,
        request_id=trace.actor.request_id,
        model=call.model[:50],
        operation=call.operation.value,
        status=status.value,
        at=reservation.at if reservation and reservation.id else trace.at,
        key=identity.credential.id if is_key else "",
        key_name=identity.name if is_key else "",
        principal=identity.principal,
        end_user=call.end_user,
        deployment=deployment.name if deployment else "",
        provider=deployment.provider.name if deployment else "",
        error_code=error.code if error else "",
        is_stream=call.is_stream,
        is_cached=trace.is_cached,
        is_estimated=usage.is_estimated,
        attempts=trace.attempts,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        cost_nano=trace.cost_nano,
        duration_ms=round(seconds * 1000, 3),
        first_token_ms=None if first is None else round(first * 1000, 3),
        overhead_ms=round(max(0.0, seconds - trace.upstream_seconds) * 1000, 3),
    )
