"""What a failed attempt means for the next one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from apps.core.errors import AppError
from apps.core.http_client.errors import CallFailed, CallTimedOut, Forbidden
from apps.providers.domain.calls import Refusal
from apps.providers.errors import (
    ContextOverflow,
    RefusedByUpstream,
    UpstreamCut,
    UpstreamInvalid,
    UpstreamLimited,
    UpstreamRefused,
    UpstreamTimedOut,
)

PATIENCE = 10.0
"""Seconds we wait for the sake of a `Retry-After`; a longer one is told to the caller instead."""
BACK_OFF = 0.25
"""Seconds before the first retry at the same deployment; each further one waits twice as long."""
MOST_RETRY_AFTER = 120
"""What callers are told at most: official clients do not retry at all beyond it."""


class Next(StrEnum):
    STOP = "stop"
    """It is the caller's doing: no other deployment would fare better."""
    OTHER = "other"
    """This deployment will not do it; another may."""
    AGAIN = "again"
    """Another, or the same one after a while."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt failed. `error` is what the caller hears when it was the last."""

    error: AppError
    next: Next
    retry_after: float | None = None
    is_unwell: bool = False
    """Whether it speaks against the deployment's health."""
    is_overflow: bool = False
    was_tried: bool = True
    """False where a limit of the deployment held it back: nothing went upstream."""


def failure_of_refusal(refusal: Refusal) -> Failure:
    """An answer of the upstream that is an error."""
    status, message = refusal.status, refusal.message
    if refusal.is_context_overflow:
        return Failure(ContextOverflow(message or None), Next.OTHER, is_overflow=True)
    if status == 429:
        seconds = refusal.retry_after
        told = 1 if seconds is None else min(MOST_RETRY_AFTER, max(1, round(seconds + 0.499)))
        limited = UpstreamLimited(message or None, retry_after=told)
        return Failure(limited, Next.AGAIN, retry_after=seconds, is_unwell=True)
    if status in (400, 405, 409, 413, 415, 422):
        return Failure(RefusedByUpstream(message or None, upstream_status=status), Next.STOP)
    error = UpstreamRefused(message or None, upstream_status=status)
    if status >= 500 or status == 408:
        return Failure(error, Next.AGAIN, retry_after=refusal.retry_after, is_unwell=True)
    # 401, 403, 404 and the like: our credential or our name for the model is wrong there.
    return Failure(error, Next.OTHER, is_unwell=True)


def failure_of_error(error: Exception) -> Failure | None:
    """What went wrong on the way; None for what is no failure of the upstream."""
    match error:
        case Forbidden():
            message = f"The provider's address {error}."
            return Failure(UpstreamRefused(message), Next.OTHER, is_unwell=True)
        case CallTimedOut():
            return Failure(UpstreamTimedOut(), Next.OTHER, is_unwell=True)
        case CallFailed() if error.reason in ("too_large", "garbage"):
            return Failure(UpstreamInvalid(error.message), Next.OTHER, is_unwell=True)
        case CallFailed() if error.reason == "redirect":
            return Failure(UpstreamRefused(error.message), Next.OTHER, is_unwell=True)
        case CallFailed():
            return Failure(UpstreamRefused(error.message), Next.AGAIN, is_unwell=True)
        case UpstreamCut():
            return Failure(error, Next.AGAIN, is_unwell=True)
        case UpstreamInvalid():
            return Failure(error, Next.OTHER, is_unwell=True)
    return None
