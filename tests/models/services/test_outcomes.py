"""Outcomes: joined to what was predicted, added to the sums once, corrected when said again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread, Timer
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core import live
from apps.core.actor import Actor, Role
from apps.core.errors import AppError, Invalid, NotFound, PermissionDenied
from apps.core.ids import new_id
from apps.core.tenancy import organization_scope
from apps.events.models import AuditEntry
from apps.models.models import ModelVersion, OutcomeTally, PredictionRecord
from apps.models.services import outcomes
from apps.models.services.outcomes import record_outcome, record_outcomes
from apps.tenants.models import Organization
from tests.factories.events import make_actor
from tests.factories.models import make_model, make_version
from tests.factories.predictions import AT, make_prediction
from tests.fakes.recorder import FakeRecorder

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
SUMS = ("version", "outcomes", "correct", "absolute_error", "squared_miss", "scored")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "PATIENCE", 0.0)


@pytest.fixture
def churn(organization: Organization) -> ModelVersion:
    return make_version(make_model(organization, name="churn"), label="1.2.0")


def tallies() -> list[tuple[Any, ...]]:
    return list(OutcomeTally.objects.order_by("hour", "version").values_list(*SUMS))


def codes(taken: outcomes.Taken) -> list[tuple[int, str]]:
    return [(each.index, each.error.code) for each in taken.rejected]


def test_an_outcome_stands_on_its_row_and_in_the_sums(actor: Actor, churn: ModelVersion) -> None:
    row = make_prediction(churn, prediction=1, probability=0.75)

    found = record_outcome(actor=actor, prediction_id=row.public_id, actual=0)

    row.refresh_from_db()
    assert (row.actual, row.actual_at) == (0, found.actual_at)
    assert row.features == {"tenure": 12, "contract": "Month-to-month"}
    assert tallies() == [("1.2.0", 1, 0, 1.0, 0.5625, 1)]
    tally = OutcomeTally.objects.get()
    assert (tally.hour, tally.model_key, tally.model) == (
        AT.replace(minute=0),
        churn.model_id,
        "churn",
    )


def test_said_again_it_corrects(actor: Actor, churn: ModelVersion) -> None:
    row, other = make_prediction(churn), make_prediction(churn)
    record_outcome(actor=actor, prediction_id=other.public_id, actual=1)

    for actual in (0, 1, 1, 0):
        record_outcome(actor=actor, prediction_id=row.public_id, actual=actual)

    row.refresh_from_db()
    assert (row.actual, tallies()) == (0, [("1.2.0", 2, 1, 1.0, 0.625, 2)])


def test_a_regression_adds_its_errors(actor: Actor, organization: Organization) -> None:
    version = make_version(make_model(organization), task="regression", described={})
    row = make_prediction(version, prediction=3.5, probability=None)

    record_outcome(actor=actor, prediction_id=row.public_id, actual=5)
    record_outcome(actor=actor, prediction_id=row.public_id, actual=3)

    tally = OutcomeTally.objects.get()
    assert (tally.outcomes, tally.correct, tally.scored) == (1, 0, 0)
    assert (tally.absolute_error, tally.squared_error) == (0.5, 0.25)


def test_of_a_version_that_is_gone_the_prediction_tells(actor: Actor, churn: ModelVersion) -> None:
    row = make_prediction(churn, prediction=1, probability=0.75)
    churn.delete()

    record_outcome(actor=actor, prediction_id=row.public_id, actual=1)

    assert tallies() == [("1.2.0", 1, 1, 0.0, 0.0625, 1)]


def test_what_it_could_never_be_changes_nothing(actor: Actor, churn: ModelVersion) -> None:
    row = make_prediction(churn)

    with pytest.raises(Invalid, match="must be a class of this model: 0, 1"):
        record_outcome(actor=actor, prediction_id=row.public_id, actual=2)

    row.refresh_from_db()
    assert (row.actual_at, tallies()) == (None, [])


@pytest.mark.parametrize(
    "strange", ["nope", "", "pred_1", "pred_" + "0" * 32, "mver_" + "0" * 32, "\x00"]
)
def test_an_unknown_prediction_is_not_there(
    actor: Actor, churn: ModelVersion, strange: str
) -> None:
    make_prediction(churn)

    with pytest.raises(NotFound):
        record_outcome(actor=actor, prediction_id=strange, actual=1)


def test_anothers_prediction_is_not_there(actor: Actor, other: Organization) -> None:
    row = make_prediction(make_version(make_model(other)))

    with pytest.raises(NotFound):
        record_outcome(actor=actor, prediction_id=row.public_id, actual=1)

    with organization_scope(other.pk):
        row.refresh_from_db()
        assert (row.actual_at, OutcomeTally.objects.count()) == (None, 0)


def test_a_bound_key_speaks_of_its_models_alone(
    actor: Actor, organization: Organization, churn: ModelVersion
) -> None:
    foreign = make_prediction(make_version(make_model(organization, name="prices")))
    own = make_prediction(churn)
    bound = Actor(replace(actor.identity, models=frozenset({"churn"})))

    record_outcome(actor=bound, prediction_id=own.public_id, actual=1)
    with pytest.raises(NotFound):
        record_outcome(actor=bound, prediction_id=foreign.public_id, actual=1)

    assert [row[1] for row in tallies()] == [1]


def test_a_viewer_says_nothing(organization: Organization, churn: ModelVersion) -> None:
    viewer = make_actor(organization, role=Role.VIEWER)
    row = make_prediction(churn)

    with pytest.raises(PermissionDenied):
        record_outcome(actor=viewer, prediction_id=row.public_id, actual=1)
    with pytest.raises(PermissionDenied):
        record_outcomes(actor=viewer, outcomes=[{"prediction_id": row.public_id, "actual": 1}])


def test_many_at_once_each_for_itself(
    actor: Actor, organization: Organization, churn: ModelVersion, other: Organization
) -> None:
    rows = [make_prediction(churn, at=AT + timedelta(hours=hour)) for hour in (0, 0, 1)]
    prices = make_version(make_model(organization), task="regression", described={})
    price = make_prediction(prices, prediction=2.0, probability=None)
    foreign = make_prediction(make_version(make_model(other)))
    said: list[tuple[Any, Any]] = [
        (rows[0].public_id, 1),
        ("nope", 1),
        (rows[1].public_id, "1"),
        (foreign.public_id, 1),
        (rows[2].public_id, 0),
        (price.public_id, 2.0),
        (7, 1),
    ]

    taken = record_outcomes(
        actor=actor, outcomes=[{"prediction_id": name, "actual": actual} for name, actual in said]
    )

    assert (taken.accepted, codes(taken)) == (
        3,
        [(1, "not_found"), (2, "validation_error"), (3, "not_found"), (6, "not_found")],
    )
    assert sorted(tallies()) == [
        ("1", 1, 0, 0.0, 0.0, 0),
        ("1.2.0", 1, 0, 1.0, 0.5625, 1),
        ("1.2.0", 1, 1, 0.0, 0.0625, 1),
    ]


def test_of_one_prediction_said_twice_the_last_counts(actor: Actor, churn: ModelVersion) -> None:
    row = make_prediction(churn)
    said = [{"prediction_id": row.public_id, "actual": actual} for actual in (0, 1)]

    taken = record_outcomes(actor=actor, outcomes=said)

    row.refresh_from_db()
    assert (taken.accepted, row.actual) == (2, 1)
    assert tallies() == [("1.2.0", 1, 1, 0.0, 0.0625, 1)]


@pytest.mark.parametrize("count", [0, 1001])
def test_too_many_or_none_are_refused(actor: Actor, count: int) -> None:
    with pytest.raises(Invalid, match="outcomes: must be a list of 1 to 1000"):
        record_outcomes(actor=actor, outcomes=[{"prediction_id": "x", "actual": 1}] * count)


def test_many_cost_as_much_as_one(actor: Actor, churn: ModelVersion) -> None:
    rows = [make_prediction(churn) for _ in range(12)]

    def cost(count: int) -> int:
        said = [{"prediction_id": row.public_id, "actual": 1} for row in rows[:count]]
        with CaptureQueriesContext(connection) as queries:
            assert record_outcomes(actor=actor, outcomes=said).accepted == count
        return len(queries)

    assert cost(1) == cost(12)  # in this order: what is said again adds nothing


def test_outcomes_are_no_facts_of_the_trail(actor: Actor, churn: ModelVersion) -> None:
    row = make_prediction(churn)

    record_outcome(actor=actor, prediction_id=row.public_id, actual=1)

    assert AuditEntry.objects.count() == 0


def test_outcomes_are_told_to_whoever_follows(
    actor: Actor, churn: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = make_prediction(churn, customer="cust-7")
    recorder = FakeRecorder(churn.organization_id)
    monkeypatch.setattr(live, "_recorder", recorder)

    said = record_outcome(actor=actor, prediction_id=row.public_id, actual=0)

    assert recorder.told == [
        (
            "prediction.events",
            churn.organization_id,
            [
                {
                    "type": "outcome",
                    "id": row.public_id,
                    "model": "churn",
                    "version": "1.2.0",
                    "at": said.actual_at,
                    "prediction": 1,
                    "actual": 0,
                    "customer_id": "cust-7",
                }
            ],
        )
    ]


# ---------------------------------------------------------------- those in a hurry


@pytest.mark.django_db(transaction=True)
def test_what_was_predicted_just_now_is_waited_for(
    actor: Actor, churn: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "PATIENCE", 10.0)
    name = new_id("pred")
    drain = Timer(0.3, _drained, (churn, name))
    drain.start()

    found = record_outcome(actor=actor, prediction_id=name, actual=1)

    drain.join()
    assert (found.actual, len(tallies())) == (1, 1)


def _drained(version: ModelVersion, name: str) -> None:
    try:
        make_prediction(version, id=name)
    finally:
        connection.close()


@pytest.fixture
def nobody_waits() -> Iterator[None]:
    """As many as may wait are waiting."""
    taken = [outcomes._waiting.acquire(blocking=False) for _ in range(outcomes.MOST_WAITING)]
    assert all(taken)
    yield
    for _ in taken:
        outcomes._waiting.release()


@pytest.mark.usefixtures("nobody_waits")
def test_one_more_than_may_wait_is_answered_at_once(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "PATIENCE", 60.0)

    with pytest.raises(NotFound):
        record_outcome(actor=actor, prediction_id=new_id("pred"), actual=1)


@pytest.mark.django_db(transaction=True)
def test_of_two_outcomes_of_one_prediction_at_once_one_counts(
    actor: Actor, churn: ModelVersion
) -> None:
    row = make_prediction(churn)

    at_once(
        *(
            lambda actual=actual: record_outcome(
                actor=actor, prediction_id=row.public_id, actual=actual
            )
            for actual in (0, 1, 0, 1)
        ),
        place=churn.organization_id,
    )

    row.refresh_from_db()
    right = row.actual == 1
    assert tallies() == [("1.2.0", 1, int(right), float(not right), 0.0625 if right else 0.5625, 1)]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_in_any_order_never_wait_in_a_circle(
    actor: Actor, churn: ModelVersion
) -> None:
    rows = [make_prediction(churn, at=AT + timedelta(hours=hour)) for hour in range(12)]
    said = [{"prediction_id": row.public_id, "actual": 1} for row in rows]

    at_once(
        *(
            lambda order=order: record_outcomes(actor=actor, outcomes=order)
            for order in (said, said[::-1], said[6:] + said[:6], said[::-2])
        ),
        place=churn.organization_id,
    )

    assert tallies() == [("1.2.0", 1, 1, 0.0, 0.0625, 1)] * 12
    assert PredictionRecord.objects.filter(actual_at=None).count() == 0


def at_once(*deeds: Any, place: int) -> None:
    barrier, failures = Barrier(len(deeds)), []

    def run(deed: Any) -> None:
        barrier.wait()
        try:
            with organization_scope(place):
                deed()
        except AppError as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
