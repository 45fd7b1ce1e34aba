from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.limits.domain import (
    MAX_PENALTY_SECONDS,
    SECOND,
    Verdict,
    headers,
    judge,
    retry_after,
)
from apps.core.limits.rates import MAX_WINDOW_SECONDS, Rate

pytestmark = pytest.mark.unit

windows = st.integers(1, MAX_WINDOW_SECONDS)
refusals = st.integers(0, 1_000_000)


@st.composite
def waits_within_a_window(draw: st.DrawFn) -> tuple[int, int]:
    window = draw(windows)
    return draw(st.integers(0, window * SECOND)), window


@given(waits_within_a_window())
def test_retry_after_first_refusal_is_the_honest_wait_rounded_up(place: tuple[int, int]) -> None:
    wait, window = place

    told = retry_after(wait, 1, window)

    assert told == max(1, -(-wait // SECOND))


@given(waits_within_a_window(), refusals, refusals)
def test_retry_after_never_falls_as_refusals_rise(
    place: tuple[int, int], some: int, more: int
) -> None:
    wait, window = place
    few, many = sorted((some, more))

    assert retry_after(wait, few, window) <= retry_after(wait, many, window)


@given(waits_within_a_window(), refusals)
def test_retry_after_stays_between_the_honest_wait_and_its_caps(
    place: tuple[int, int], count: int
) -> None:
    wait, window = place
    honest = max(1, -(-wait // SECOND))

    told = retry_after(wait, count, window)

    assert honest <= told <= honest + MAX_PENALTY_SECONDS
    assert told <= 10 * window


@given(waits_within_a_window(), refusals)
def test_retry_after_grows_by_a_tenth_of_the_window_or_30_seconds_at_most(
    place: tuple[int, int], count: int
) -> None:
    wait, window = place

    growth = retry_after(wait, count + 1, window) - retry_after(wait, count, window)

    assert 0 <= growth <= max(1, min(window // 10 + 1, 30))


@pytest.mark.parametrize(
    ("window_seconds", "told"),
    [
        (1, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]),
        (60, [60, 66, 72, 78, 84, 90, 96, 102, 108, 114, 120]),
        (3600, [3600, 3630, 3660, 3690, 3720, 3750, 3780, 3810, 3840, 3870, 3900]),
    ],
)
def test_retry_after_examples(window_seconds: int, told: list[int]) -> None:
    wait = window_seconds * SECOND

    assert [retry_after(wait, count, window_seconds) for count in range(1, 12)] == told


@pytest.mark.parametrize(
    ("window_seconds", "told"),
    [(1, 10), (60, 600), (3600, 7200), (86_400, 90_000)],
)
def test_retry_after_reaches_its_cap(window_seconds: int, told: int) -> None:
    assert retry_after(window_seconds * SECOND, 1_000_000, window_seconds) == told


def test_judge_rounds_the_reset_up_to_a_whole_second() -> None:
    rate = Rate(limit=5, window_seconds=60)

    assert judge(rate, True, 2, 60 * SECOND, 0, 1000 * SECOND) == Verdict(True, 5, 3, 1060, 0)
    assert judge(rate, True, 2, 60 * SECOND + 1, 0, 1000 * SECOND) == Verdict(True, 5, 3, 1061, 0)
    assert judge(rate, False, 5, 1, 1, 1000 * SECOND) == Verdict(False, 5, 0, 1001, 1)


def test_judge_after_the_limit_was_lowered_has_none_remaining() -> None:
    rate = Rate(limit=5, window_seconds=60)

    assert judge(rate, False, 8, 30 * SECOND, 1, 0) == Verdict(False, 5, 0, 30, 30)


def test_headers_allowed_tell_the_limit_without_retry_after() -> None:
    assert headers(Verdict(True, 100, 99, 1_800_000_060, 0)) == [
        ("X-RateLimit-Limit", "100"),
        ("X-RateLimit-Remaining", "99"),
        ("X-RateLimit-Reset", "1800000060"),
    ]


def test_headers_refused_tell_when_to_come_back() -> None:
    assert headers(Verdict(False, 100, 0, 1_800_000_060, 66)) == [
        ("X-RateLimit-Limit", "100"),
        ("X-RateLimit-Remaining", "0"),
        ("X-RateLimit-Reset", "1800000060"),
        ("Retry-After", "66"),
    ]
