"""Sums that are added to: no addition is lost, whoever else adds, and rows of other keys are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.core.sums import Key, add_rows
from apps.core.tenancy import unscoped
from apps.models.models import PredictionHour
from apps.providers.models import BudgetSpend
from apps.tenants.models import Organization
from tests.factories.tenants import make_organization

# Any table of sums would do.
NAMES = ("organization_id", "scope", "subject", "period", "begins", "epoch")

pytestmark = pytest.mark.integration


@pytest.fixture
def place(db: None) -> Iterator[Organization]:
    made = make_organization()
    with unscoped(reason="as a drain does"):
        yield made


def key_of(place: Organization, subject: str, epoch: str = "") -> Key:
    return (place.pk, "key", subject, "total", date(1970, 1, 1), epoch)


def add(*more: tuple[Key, int]) -> None:
    added = {
        key: BudgetSpend(**dict(zip(NAMES, key, strict=True)), cost_nano=nano, tokens=nano)
        for key, nano in more
    }
    add_rows(BudgetSpend, NAMES, added, merge, ["cost_nano"])


def merge(row: BudgetSpend, more: BudgetSpend) -> None:
    row.cost_nano += more.cost_nano
    row.tokens += more.tokens


def told() -> dict[tuple[Any, ...], int]:
    rows = BudgetSpend.objects.values_list("organization_id", "subject", "epoch", "cost_nano")
    return {row[:-1]: row[-1] for row in rows}


def test_what_was_not_there_is_made_and_what_was_is_added_to(place: Organization) -> None:
    add((key_of(place, "a"), 1))

    add((key_of(place, "a"), 10), (key_of(place, "b"), 20))

    assert told() == {(place.pk, "a", ""): 11, (place.pk, "b", ""): 20}


def test_only_the_named_fields_are_changed(place: Organization) -> None:
    add((key_of(place, "a"), 1))

    assert list(BudgetSpend.objects.values_list("cost_nano", "tokens")) == [(1, 0)]


def test_rows_that_share_parts_of_a_key_are_left_alone(place: Organization) -> None:
    """Both of their parts are asked for, though not together."""
    other = make_organization()
    add((key_of(place, "a", "2"), 1), (key_of(place, "b", "1"), 2), (key_of(other, "a", "1"), 3))

    add((key_of(place, "a", "1"), 10), (key_of(place, "b", "2"), 20), (key_of(other, "b", "1"), 30))

    assert told() == {
        (place.pk, "a", "1"): 10,
        (place.pk, "a", "2"): 1,
        (place.pk, "b", "1"): 2,
        (place.pk, "b", "2"): 20,
        (other.pk, "a", "1"): 3,
        (other.pk, "b", "1"): 30,
    }


def test_nothing_to_add_asks_nothing(place: Organization) -> None:
    with CaptureQueriesContext(connection) as asked:
        add()

    assert len(asked) == 0


def test_it_costs_the_same_however_many_rows_there_are(place: Organization) -> None:
    keys = [key_of(place, f"{number:02}") for number in range(50)]
    add(*((key, 1) for key in keys))
    with CaptureQueriesContext(connection) as few:
        add((keys[0], 1))

    with CaptureQueriesContext(connection) as many:
        add(*((key, 1) for key in keys))

    assert len(many) == len(few)


@pytest.mark.django_db(transaction=True)
def test_those_who_add_at_once_lose_nothing_and_wait_in_no_circle() -> None:
    place = make_organization()
    keys = [key_of(place, f"{number}") for number in range(12)]
    barrier = Barrier(4)
    failures: list[BaseException] = []

    def drain(first: int) -> None:
        try:
            barrier.wait()
            for step in range(8):
                # Old rows and new ones, in another order each time.
                mine = [
                    keys[(first * 5 + step * 7 + number * 5) % 12] for number in range(4 + step)
                ]
                with unscoped(reason="as a drain does"), transaction.atomic():
                    add(*((key, 1) for key in dict.fromkeys(mine)))
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    threads = [Thread(target=drain, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with unscoped(reason="every sum"):
        # 5 and 12 have no common divisor: each step names 4 + step different keys.
        assert sum(told().values()) == 4 * sum(4 + step for step in range(8))


def test_a_new_row_begins_with_what_no_default_stands_for(place: Organization) -> None:
    """An hour says when it was last added to: there is no such moment before the first."""
    names = ("organization_id", "hour", "model_key", "version")
    at = datetime(2026, 3, 31, 12, tzinfo=UTC)

    for minute in (5, 3):
        last = at.replace(minute=minute)
        more = PredictionHour(
            organization_id=place.pk, hour=at, model_key=7, version="1", model="churn", predictions=1, last_at=last
        )  # fmt: skip
        add_rows(
            PredictionHour,
            names,
            {(place.pk, at, 7, "1"): more},
            _count,
            ("predictions",),
            begun=("model", "last_at"),
        )

    row = PredictionHour.objects.get()
    assert (row.predictions, row.model, row.last_at) == (2, "churn", at.replace(minute=5))


def _count(row: PredictionHour, more: PredictionHour) -> None:
    row.predictions += more.predictions
