"""What a failed attempt means for the next one."""

from __future__ import annotations

import pytest

from apps.core.errors import NotFound
from apps.core.http_client.errors import CallFailed, CallTimedOut, Forbidden
from apps.providers.domain.calls import Refusal
from apps.providers.domain.retries import Next, failure_of_error, failure_of_refusal
from apps.providers.errors import (
    ContextOverflow,
    RefusedByUpstream,
    UpstreamCut,
    UpstreamInvalid,
    UpstreamLimited,
    UpstreamRefused,
    UpstreamTimedOut,
)


@pytest.mark.parametrize(
    ("status", "error", "following", "is_unwell"),
    [
        (400, RefusedByUpstream, Next.STOP, False),
        (413, RefusedByUpstream, Next.STOP, False),
        (422, RefusedByUpstream, Next.STOP, False),
        (401, UpstreamRefused, Next.OTHER, True),
        (403, UpstreamRefused, Next.OTHER, True),
        (404, UpstreamRefused, Next.OTHER, True),
        (408, UpstreamRefused, Next.AGAIN, True),
        (429, UpstreamLimited, Next.AGAIN, True),
        (500, UpstreamRefused, Next.AGAIN, True),
        (503, UpstreamRefused, Next.AGAIN, True),
        (529, UpstreamRefused, Next.AGAIN, True),
    ],
)
def test_failure_of_refusal_by_status(
    status: int, error: type, following: Next, is_unwell: bool
) -> None:
    failure = failure_of_refusal(Refusal(status, "said"))

    assert (type(failure.error), failure.next, failure.is_unwell) == (error, following, is_unwell)
    assert failure.error.message == "said"


def test_failure_of_refusal_reads_an_overflow_whatever_the_status() -> None:
    failure = failure_of_refusal(Refusal(400, "too long", is_context_overflow=True))

    assert (type(failure.error), failure.is_overflow, failure.is_unwell) == (
        ContextOverflow,
        True,
        False,
    )


@pytest.mark.parametrize(
    ("seconds", "told"), [(None, 1), (0.0, 1), (2.2, 3), (20.0, 20), (9000.0, 120)]
)
def test_a_caller_is_told_to_wait_as_long_as_the_upstream_says(
    seconds: float | None, told: int
) -> None:
    failure = failure_of_refusal(Refusal(429, "slow down", retry_after=seconds))

    assert isinstance(failure.error, UpstreamLimited)
    assert (failure.error.retry_after, failure.retry_after) == (told, seconds)


@pytest.mark.parametrize(
    ("error", "kind", "following"),
    [
        (Forbidden("leads nowhere"), UpstreamRefused, Next.OTHER),
        (CallTimedOut(), UpstreamTimedOut, Next.OTHER),
        (CallFailed("too_large", "x"), UpstreamInvalid, Next.OTHER),
        (CallFailed("garbage", "x"), UpstreamInvalid, Next.OTHER),
        (CallFailed("redirect", "x"), UpstreamRefused, Next.OTHER),
        (CallFailed("reset", "x"), UpstreamRefused, Next.AGAIN),
        (CallFailed("refused", "x"), UpstreamRefused, Next.AGAIN),
        (UpstreamCut(), UpstreamCut, Next.AGAIN),
        (UpstreamInvalid(), UpstreamInvalid, Next.OTHER),
    ],
)
def test_failure_of_error(error: Exception, kind: type, following: Next) -> None:
    failure = failure_of_error(error)

    assert failure is not None
    assert (type(failure.error), failure.next, failure.is_unwell) == (kind, following, True)


@pytest.mark.parametrize("error", [ValueError(), NotFound()])
def test_what_is_ours_is_no_failure_of_the_upstream(error: Exception) -> None:
    assert failure_of_error(error) is None
