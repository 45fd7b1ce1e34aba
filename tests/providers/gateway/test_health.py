"""Which deployments rest, and for how long."""

from __future__ import annotations

import pytest

from apps.providers.gateway.health import FIRST_REST, LONGEST_REST, Health
from tests.providers.domain.test_choice import deployment

ONE, TWO = deployment("one"), deployment("two")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


def rest_of(health: Health, clock: Clock) -> float:
    """How long it rests from now."""
    began = clock.now
    while not health.is_well(ONE):
        clock.now += 0.5
    rested, clock.now = clock.now - began, began
    return rested


def fail(health: Health, times: int, **values: float) -> None:
    for _ in range(times):
        health.note_failure(ONE, **values)


def test_two_failures_are_no_reason(health: Health) -> None:
    fail(health, 2)

    assert health.is_well(ONE)


def test_three_in_a_row_rest_for_five_seconds(health: Health, clock: Clock) -> None:
    fail(health, 3)

    assert rest_of(health, clock) == FIRST_REST
    assert health.is_well(TWO)


def test_a_success_in_between_begins_anew(health: Health) -> None:
    fail(health, 2)
    health.note_success(ONE)
    fail(health, 1)

    assert health.is_well(ONE)


def test_more_than_half_of_five_in_a_minute_rest(health: Health) -> None:
    for is_good in (True, False, True, False):
        (health.note_success if is_good else health.note_failure)(ONE)
    assert health.is_well(ONE)
    health.note_failure(ONE)

    assert not health.is_well(ONE)


def test_failures_of_the_minute_before_count_no_more(health: Health, clock: Clock) -> None:
    for _ in range(4):
        health.note_failure(ONE)
        health.note_success(ONE)
        clock.now += 30
    health.note_failure(ONE)

    assert health.is_well(ONE)


def test_each_relapse_rests_twice_as_long_up_to_a_minute(health: Health, clock: Clock) -> None:
    rests = []
    fail(health, 2)
    for _ in range(6):
        health.note_failure(ONE)
        rests.append(rest_of(health, clock))
        clock.now += rests[-1]

    assert rests == [5, 10, 20, 40, LONGEST_REST, LONGEST_REST]


def test_a_success_ends_the_rest(health: Health) -> None:
    fail(health, 3)
    health.note_success(ONE)

    assert health.is_well(ONE)


def test_failures_during_the_rest_do_not_lengthen_it(health: Health, clock: Clock) -> None:
    fail(health, 30)

    assert rest_of(health, clock) == FIRST_REST


@pytest.mark.parametrize(("named", "kept"), [(2.0, 2.0), (300.0, LONGEST_REST)])
def test_a_wait_that_the_upstream_names_is_kept(
    health: Health, clock: Clock, named: float, kept: float
) -> None:
    fail(health, 1, retry_after=named)

    assert rest_of(health, clock) == kept


def test_what_was_changed_begins_anew(health: Health) -> None:
    fail(health, 3)

    assert health.is_well(deployment("one", revision=2))
