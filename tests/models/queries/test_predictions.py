"""Reading the log and its sums: whose they are, in which order, and what they come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.actor import Actor, Role
from apps.core.errors import Invalid, NotFound
from apps.core.pagination import after_cursor
from apps.models.models import ModelVersion
from apps.models.queries import predictions, registry
from apps.models.queries.predictions import AccuracyPoint, HourPoint, Totals
from apps.models.services.outcomes import record_outcome
from apps.models.services.prediction_log import drain_predictions
from apps.tenants.models import Organization
from tests.factories.events import make_actor
from tests.factories.models import make_model, make_version
from tests.factories.predictions import (
    AT,
    make_prediction,
    make_prediction_entry,
    make_prediction_records,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
NOW = datetime(2026, 3, 31, 12, 45, tzinfo=UTC)
TODAY = datetime(2026, 3, 31, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def churn(organization: Organization) -> ModelVersion:
    return make_version(make_model(organization, name="churn"), label="1.2.0")


@pytest.fixture
def bound(actor: Actor) -> Actor:
    """A key for other models than this one."""
    return Actor(replace(actor.identity, models=frozenset({"prices"})))


def ids(actor: Actor, **wanted: Any) -> list[str]:
    return [row.public_id for row in predictions.predictions(actor=actor, name="churn", **wanted)]


# ---------------------------------------------------------------- the log


def test_the_log_of_a_model_is_newest_first(actor: Actor, churn: ModelVersion) -> None:
    rows = [make_prediction(churn, at=AT - timedelta(minutes=minute)) for minute in (1, 0, 2)]
    make_prediction(make_version(make_model(churn.organization, name="prices")))

    assert ids(actor) == [rows[place].public_id for place in (1, 0, 2)]
    found = predictions.predictions(actor=actor, name=churn.model.public_id)
    assert found.count() == 3


def test_pages_go_on_where_they_ended_although_older_ones_come_late(
    actor: Actor, churn: ModelVersion
) -> None:
    rows = [make_prediction(churn, at=AT) for _ in range(3)]
    first = after_cursor(predictions.predictions(actor=actor, name="churn"), cursor=None, limit=2)
    late = make_prediction(churn, at=AT - timedelta(microseconds=1))
    make_prediction(churn, at=AT + timedelta(microseconds=1))

    second = after_cursor(
        predictions.predictions(actor=actor, name="churn"),
        cursor=first.meta["next_cursor"],
        limit=2,
    )

    assert [row.pk for row in first.rows] == [rows[2].pk, rows[1].pk]
    assert [row.pk for row in second.rows] == [rows[0].pk, late.pk]
    assert second.meta["next_cursor"] is None


@pytest.mark.parametrize(
    "cursor", ["x", "YWZ0ZXI6Nw", "YXQ6MTo", "YXQ6MTox0", "YXQ6OTk5OTk5OTk5OTk5OTk5OTk5OjE"]
)
def test_a_cursor_of_another_list_is_invalid(
    actor: Actor, churn: ModelVersion, cursor: str
) -> None:
    rows = predictions.predictions(actor=actor, name="churn")

    with pytest.raises(Invalid) as caught:
        after_cursor(rows, cursor=cursor, limit=2)

    assert [wrong.field for wrong in caught.value.fields] == ["cursor"]


def test_the_log_is_filtered(actor: Actor, churn: ModelVersion) -> None:
    newer = make_version(churn.model, label="1.3.0", alias="champion")
    old = make_prediction(churn, customer="ann")
    new = make_prediction(newer, customer="bob", at=AT + timedelta(seconds=1))
    record_outcome(actor=actor, prediction_id=old.public_id, actual=1)

    for version in ("1.2.0", "1"):
        assert ids(actor, version=version) == [old.public_id]
    for version in ("1.3.0", "@champion", "latest", "2", newer.public_id):
        assert ids(actor, version=version) == [new.public_id]
    assert ids(actor, customer="bob") == [new.public_id]
    assert ids(actor, judged=True) == [old.public_id]
    assert ids(actor, judged=False) == [new.public_id]
    assert ids(actor, judged=True, customer="bob") == []


@pytest.mark.parametrize("strange", ["nope", "\x00", "\ud800", "a" * 5000, "production"])
def test_what_nobody_knows_has_no_rows(actor: Actor, churn: ModelVersion, strange: str) -> None:
    make_prediction(churn)

    assert (ids(actor, version=strange), ids(actor, customer=strange)) == ([], [])
    assert predictions.accuracy(actor=actor, name="churn", version=strange) == []


def test_rows_outlive_their_version(actor: Actor, churn: ModelVersion) -> None:
    row = make_prediction(churn)
    churn.delete()

    assert ids(actor, version="1.2.0") == [row.public_id]


def test_one_prediction_outlives_its_model(actor: Actor, churn: ModelVersion) -> None:
    row = make_prediction(churn)
    churn.model.delete()

    assert predictions.prediction(actor=actor, id=row.public_id).features == row.features


@pytest.mark.parametrize(
    "strange", ["nope", "", "pred_1", "pred_" + "0" * 32, "mver_" + "0" * 32, "\x00"]
)
def test_an_unknown_prediction_is_not_there(
    actor: Actor, churn: ModelVersion, strange: str
) -> None:
    make_prediction(churn)

    with pytest.raises(NotFound):
        predictions.prediction(actor=actor, id=strange)


def test_what_others_predicted_is_not_there(
    actor: Actor, churn: ModelVersion, other: Organization
) -> None:
    foreign = make_version(make_model(other, name="churn"))
    theirs, own = make_prediction(foreign), make_prediction(churn)

    assert ids(actor) == [own.public_id]
    with pytest.raises(NotFound):
        predictions.prediction(actor=actor, id=theirs.public_id)
    with pytest.raises(NotFound):
        predictions.predictions(actor=actor, name=foreign.model.public_id)


def test_a_key_bound_to_other_models_sees_nothing(bound: Actor, churn: ModelVersion) -> None:
    row = make_prediction(churn)

    for name in ("churn", churn.model.public_id):
        with pytest.raises(NotFound):
            predictions.predictions(actor=bound, name=name)
        with pytest.raises(NotFound):
            predictions.accuracy(actor=bound, name=name)
        with pytest.raises(NotFound):
            predictions.hours(actor=bound, name=name)
    with pytest.raises(NotFound):
        predictions.prediction(actor=bound, id=row.public_id)


def test_viewers_read(organization: Organization, churn: ModelVersion) -> None:
    viewer = make_actor(organization, role=Role.VIEWER)
    row = make_prediction(churn)

    assert ids(viewer) == [row.public_id]
    assert predictions.prediction(actor=viewer, id=row.public_id) == row


# ---------------------------------------------------------------- accuracy


def judged(actor: Actor, version: ModelVersion, at: datetime, *actuals: Any, **values: Any) -> None:
    for actual in actuals:
        row = make_prediction(version, at=at, **values)
        record_outcome(actor=actor, prediction_id=row.public_id, actual=actual)


def test_accuracy_by_day_adds_up_hours(actor: Actor, churn: ModelVersion) -> None:
    judged(actor, churn, TODAY, 1, 1)
    judged(actor, churn, TODAY + timedelta(hours=5), 1, 0)
    judged(actor, churn, TODAY - timedelta(seconds=1), 0)

    assert predictions.accuracy(actor=actor, name="churn") == [
        AccuracyPoint(TODAY - timedelta(days=1), "1.2.0", 1, 0.0, None, None, 0.5625),
        AccuracyPoint(TODAY, "1.2.0", 4, 0.75, None, None, 0.1875),
    ]


def test_accuracy_by_hour_keeps_versions_apart(actor: Actor, churn: ModelVersion) -> None:
    newer = make_version(churn.model, label="1.3.0")
    judged(actor, newer, TODAY, 0)
    judged(actor, churn, TODAY, 1)
    judged(actor, churn, TODAY + timedelta(hours=1, minutes=30), 1)

    points = predictions.accuracy(actor=actor, name="churn", by="hour", days=1)
    of_one = predictions.accuracy(actor=actor, name="churn", by="hour", days=1, version="latest")

    assert [(point.at.hour, point.version, point.accuracy) for point in points] == [
        (0, "1.2.0", 1.0),
        (0, "1.3.0", 0.0),
        (1, "1.2.0", 1.0),
    ]
    assert of_one == [points[1]]


def test_accuracy_of_a_regression_is_its_errors(actor: Actor, organization: Organization) -> None:
    version = make_version(
        make_model(organization, name="churn"), task="regression", described={}, label="9"
    )
    judged(actor, version, TODAY, 3.0, 5.0, prediction=4.0, probability=None)
    judged(actor, version, TODAY, 4.0, prediction=4.0, probability=None)

    (point,) = predictions.accuracy(actor=actor, name="churn")
    assert (point.at, point.version, point.outcomes) == (TODAY, "9", 3)
    assert (point.accuracy, point.brier) == (None, None)
    assert point.mean_absolute_error == pytest.approx(2 / 3)
    assert point.root_mean_squared_error == pytest.approx((2 / 3) ** 0.5)


def test_accuracy_looks_back_as_many_days_as_asked(actor: Actor, churn: ModelVersion) -> None:
    judged(actor, churn, TODAY - timedelta(days=2), 1)
    judged(actor, churn, TODAY - timedelta(days=2, seconds=1), 1)

    assert len(predictions.accuracy(actor=actor, name="churn", days=3)) == 1
    assert len(predictions.accuracy(actor=actor, name="churn", days=4)) == 2
    assert predictions.accuracy(actor=actor, name="churn", days=2) == []


def test_where_no_outcome_is_known_there_is_no_point(actor: Actor, churn: ModelVersion) -> None:
    make_prediction(churn)

    assert predictions.accuracy(actor=actor, name="churn") == []


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"days": 0}, "days: must be from 1 to 400"),
        ({"days": 401}, "days: must be from 1 to 400"),
        ({"days": 32, "by": "hour"}, "days: must be from 1 to 31"),
        ({"by": "week"}, "by: must be day or hour"),
    ],
)
def test_accuracy_refuses(actor: Actor, churn: ModelVersion, wanted: Any, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        predictions.accuracy(actor=actor, name="churn", **wanted)

    assert caught.value.message == message


def test_accuracy_costs_the_same_however_many_hours(actor: Actor, churn: ModelVersion) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            predictions.accuracy(actor=actor, name="churn")
        return len(queries)

    judged(actor, churn, TODAY, 1)
    before = cost()
    for hour in range(5):
        judged(actor, churn, TODAY - timedelta(hours=hour), 1)

    assert cost() == before == 2


# ---------------------------------------------------------------- hours and totals


def test_hours_are_those_up_to_now(actor: Actor, churn: ModelVersion, other: Organization) -> None:
    foreign = make_version(make_model(other, name="churn"))
    entries = [
        make_prediction_entry(foreign, at=NOW),
        make_prediction_entry(churn, at=NOW, predictions=10, errors=2, cached=3, duration_ms=8.0),
        make_prediction_entry(churn, at=NOW - timedelta(hours=23), duration_ms=2.0),
        make_prediction_entry(churn, at=NOW - timedelta(hours=24)),
    ]
    drain_predictions(make_prediction_records(*entries))

    found = predictions.hours(actor=actor, name="churn")

    assert [without_times(point) for point in found] == [
        HourPoint(
            NOW.replace(minute=0) - timedelta(hours=23), "1.2.0", 1, 0, 0, None, None, None, None
        ),
        HourPoint(NOW.replace(minute=0), "1.2.0", 10, 2, 3, None, None, None, None),
    ]
    assert [getattr(found[1], name) for name in TIMES] == pytest.approx([8.0] * 4, rel=0.01)
    assert len(predictions.hours(actor=actor, name="churn", hours=25)) == 3


TIMES = ("mean_ms", "p50_ms", "p95_ms", "p99_ms")


def without_times(point: HourPoint) -> HourPoint:
    return replace(point, mean_ms=None, p50_ms=None, p95_ms=None, p99_ms=None)


@pytest.mark.parametrize("hours", [0, 745])
def test_hours_refuse(actor: Actor, churn: ModelVersion, hours: int) -> None:
    with pytest.raises(Invalid, match="hours: must be from 1 to 744"):
        predictions.hours(actor=actor, name="churn", hours=hours)


def test_totals_are_of_all_that_was_predicted(
    actor: Actor, churn: ModelVersion, other: Organization
) -> None:
    silent = make_model(churn.organization)
    foreign = make_version(make_model(other))
    newer = make_version(churn.model, label="1.3.0")
    entries = [
        make_prediction_entry(foreign, at=NOW),
        make_prediction_entry(churn, at=AT, predictions=4),
        make_prediction_entry(newer, at=NOW, predictions=3),
        make_prediction_entry(churn, at=AT - timedelta(days=300), predictions=2),
    ]
    drain_predictions(make_prediction_records(*entries))

    assert predictions.totals(churn.model_id) == Totals(9, NOW)
    assert predictions.totals_of([churn.model_id, silent.pk, foreign.model_id]) == {
        churn.model_id: Totals(9, NOW),
        silent.pk: Totals(),
        foreign.model_id: Totals(),
    }
    assert registry.detail(actor=actor, name="churn").totals == Totals(9, NOW)
