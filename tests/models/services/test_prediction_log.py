"""From the spool into the log: each call once, whatever is replayed and whoever replays it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.core import live
from apps.core.ids import new_id
from apps.core.sketch import Sketch
from apps.core.spool.process import Record
from apps.core.tenancy import unscoped
from apps.models.models import ModelVersion, PredictionHour, PredictionRecord
from apps.models.services import prediction_log, prediction_rows
from apps.models.services.prediction_log import drain_predictions, sweep_predictions
from tests.factories.models import make_model, make_version
from tests.factories.predictions import (
    AT,
    FEATURES,
    make_line,
    make_prediction,
    make_prediction_entry,
    make_prediction_records,
)
from tests.factories.tenants import make_organization
from tests.fakes.recorder import FakeRecorder

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _everything() -> Iterator[None]:
    with unscoped(reason="the tests look at every row"):
        yield


@pytest.fixture
def version() -> ModelVersion:
    return make_version(make_model(make_organization(), name="churn"), label="1.2.0")


def sums() -> list[tuple[Any, ...]]:
    names = ("version", "predictions", "errors", "cached")
    return list(PredictionHour.objects.order_by("hour", "pk").values_list(*names))


def test_drain_writes_a_row_for_each_line(version: ModelVersion) -> None:
    line = make_line(customer="cust-7")
    entry = make_prediction_entry(version, line, cached=1, batch="batch_1", source="batch")

    drain_predictions(make_prediction_records(entry))

    row = PredictionRecord.objects.get()
    assert (row.public_id, row.organization_id) == (line.id, version.organization_id)
    assert (row.model_key, row.model) == (version.model_id, "churn")
    assert (row.version_key, row.version) == (version.pk, "1.2.0")
    assert (row.source, row.batch, row.request_id) == ("batch", "batch_1", entry.request_id)
    assert (row.key, row.principal, row.customer) == ("key_a", "user_a", "cust-7")
    assert (row.features, row.prediction, row.probability) == (FEATURES, 1, 0.75)
    assert (row.is_cached, row.duration_ms, row.at) == (True, 4.0, AT)
    assert (row.actual, row.actual_at) == (None, None)


def test_drain_counts_a_record_once_however_often_it_is_handed_over(version: ModelVersion) -> None:
    records = make_prediction_records(
        make_prediction_entry(version, make_line(), make_line()),
        make_prediction_entry(version, make_line()),
    )

    drain_predictions(records[:1])
    drain_predictions(records)
    drain_predictions(records)

    assert PredictionRecord.objects.count() == 3
    assert sums() == [("1.2.0", 3, 0, 0)]


def test_a_call_nothing_is_logged_of_counts_once_when_one_behind_it_is_known(
    version: ModelVersion,
) -> None:
    unseen, seen = make_prediction_entry(version), make_prediction_entry(version, make_line())
    records = make_prediction_records(unseen, seen, make_prediction_entry(version))

    drain_predictions(records[:2])
    drain_predictions(records)

    assert (PredictionRecord.objects.count(), sums()) == (1, [("1.2.0", 3, 0, 0)])


def test_what_is_known_of_one_spool_says_nothing_of_another(version: ModelVersion) -> None:
    here = make_prediction_records(make_prediction_entry(version, make_line()), spool="one.1")
    there = make_prediction_records(make_prediction_entry(version), spool="two.1")

    drain_predictions(here)
    drain_predictions([*there, *here])

    assert sums() == [("1.2.0", 2, 0, 0)]


def test_lines_without_an_id_are_counted_and_not_logged(version: ModelVersion) -> None:
    entry = make_prediction_entry(version, make_line(id=""), make_line(), make_line(id=""))

    drain_predictions(make_prediction_records(entry))
    drain_predictions(make_prediction_records(make_prediction_entry(version, predictions=5)))

    assert (PredictionRecord.objects.count(), sums()) == (1, [("1.2.0", 8, 0, 0)])


def test_drain_adds_to_the_sums_of_the_hour(version: ModelVersion) -> None:
    later = AT + timedelta(minutes=29)
    entries = [
        make_prediction_entry(version, predictions=10, errors=2, cached=3, duration_ms=100.0),
        make_prediction_entry(version, predictions=1, duration_ms=300.0, at=later),
        make_prediction_entry(version, at=AT + timedelta(hours=1)),
    ]

    drain_predictions(make_prediction_records(entries[0]))
    drain_predictions(make_prediction_records(*entries[1:]))

    assert sums() == [("1.2.0", 11, 2, 3), ("1.2.0", 1, 0, 0)]
    first = PredictionHour.objects.earliest("hour")
    assert (first.hour.hour, first.model, first.last_at) == (12, "churn", later)
    assert Sketch.read(first.duration).quantiles([0.5, 1.0]) == pytest.approx(
        [100.0, 300.0], rel=0.01
    )


def test_an_earlier_prediction_that_comes_late_is_not_the_last(version: ModelVersion) -> None:
    make_prediction(version, at=AT + timedelta(minutes=5))
    make_prediction(version, at=AT)

    assert PredictionHour.objects.get().last_at == AT + timedelta(minutes=5)


def test_drain_keeps_organizations_apart(version: ModelVersion) -> None:
    other = make_version(make_model(make_organization(), name="churn"), label="1.2.0")
    entries = [make_prediction_entry(each, make_line()) for each in (version, other, other)]

    drain_predictions(make_prediction_records(*entries))

    found = PredictionHour.objects.values_list("organization_id", "predictions")
    assert set(found) == {(version.organization_id, 1), (other.organization_id, 2)}
    assert PredictionRecord.objects.filter(organization_id=other.organization_id).count() == 2


def test_drain_lets_go_of_predictions_of_an_organization_that_is_gone(
    version: ModelVersion,
) -> None:
    gone = make_version(make_model(make_organization()))
    records = make_prediction_records(
        make_prediction_entry(gone, make_line()), make_prediction_entry(version, make_line())
    )
    gone.organization.delete()

    drain_predictions(records)

    assert PredictionRecord.objects.get().organization_id == version.organization_id
    assert sums() == [("1.2.0", 1, 0, 0)]


def test_a_removed_model_keeps_its_predictions(version: ModelVersion) -> None:
    record = make_prediction_records(make_prediction_entry(version, make_line()))
    version.model.delete()

    drain_predictions(record)

    assert PredictionRecord.objects.get().model == "churn"


def test_drain_takes_texts_that_columns_cannot_hold(version: ModelVersion) -> None:
    line = make_line(customer="a\x00b" + "c" * 300, features={"note": "a\x00b"}, prediction="\x00")
    entry = make_prediction_entry(version, line, request_id="r\x00" * 100)

    drain_predictions(make_prediction_records(entry))

    row = PredictionRecord.objects.get()
    assert row.customer == "a\ufffdb" + "c" * 252
    assert row.request_id == "r\ufffd" * 64
    assert (row.features, row.prediction) == ({"note": "a\ufffdb"}, "\ufffd")


@pytest.mark.parametrize(
    ("predictions", "cached", "is_cached"), [(1, 1, True), (2, 1, False), (2, 2, True), (0, 0, False)]
)  # fmt: skip
def test_a_row_is_cached_where_its_whole_call_was(
    version: ModelVersion, predictions: int, cached: int, is_cached: bool
) -> None:
    entry = make_prediction_entry(version, predictions=predictions, cached=cached)

    assert prediction_rows.is_cached(entry) is is_cached


@pytest.mark.parametrize("prediction", [0, 1.5, True, "stays", None, {"a": [1]}], ids=str)
def test_a_prediction_is_kept_as_it_is(version: ModelVersion, prediction: Any) -> None:
    assert make_prediction(version, prediction=prediction).prediction == prediction


def test_a_batch_is_taken_in_pieces(version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_log, "MOST_LINES", 2)
    entries = [make_prediction_entry(version, *[make_line()] * 0) for _ in range(2)]
    entries += [
        make_prediction_entry(version, *(make_line() for _ in range(number)))
        for number in (1, 3, 2, 1)
    ]
    records = make_prediction_records(*entries)
    sizes: list[int] = []
    take = prediction_log._take

    def seen(piece: Any, **how: Any) -> Any:
        sizes.append(sum(len(entry.lines) for _, entry in piece))
        return take(piece, **how)

    monkeypatch.setattr(prediction_log, "_take", seen)

    drain_predictions(records)
    drain_predictions(records)

    assert sizes == [1, 3, 2, 1, *[1, 1, 3, 3, 2, 2, 1, 1]]  # what is known is tried twice
    assert (PredictionRecord.objects.count(), sums()) == (7, [("1.2.0", 9, 0, 0)])


def test_a_malformed_record_takes_none_of_the_others_with_it(version: ModelVersion) -> None:
    good = make_prediction_records(make_prediction_entry(version, make_line()))
    bad = make_prediction_records(make_prediction_entry(version, make_line(id="pred_nope")))

    with pytest.raises(Exception, match="nothing here"):
        drain_predictions([*good, *bad])

    assert (PredictionRecord.objects.count(), sums()) == (0, [])


def test_drain_tells_whoever_follows(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_version(make_model(make_organization()))
    recorder = FakeRecorder(version.organization_id)
    monkeypatch.setattr(live, "_recorder", recorder)
    line = make_line(customer="cust-7")

    drain_predictions(
        make_prediction_records(
            make_prediction_entry(version, line, make_line(id="")),
            make_prediction_entry(other, make_line()),
        )
    )

    assert recorder.told == [
        (
            "prediction.events",
            version.organization_id,
            [
                {
                    "type": "prediction",
                    "id": line.id,
                    "model": "churn",
                    "version": "1.2.0",
                    "at": AT,
                    "prediction": 1,
                    "probability": 0.75,
                    "customer_id": "cust-7",
                    "is_cached": False,
                    "ms": 4.0,
                }
            ],
        )
    ]


def test_what_is_met_again_is_not_told_again(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = FakeRecorder(version.organization_id)
    monkeypatch.setattr(live, "_recorder", recorder)
    records = make_prediction_records(make_prediction_entry(version, make_line()))

    drain_predictions(records)
    drain_predictions(records)

    assert len(recorder.told) == 1


def test_sweep_drops_rows_past_their_time_and_keeps_sums(
    version: ModelVersion, settings: Any
) -> None:
    settings.SIGNALBOX_PREDICTION_RETENTION = timedelta(days=30)
    now = timezone.now()
    make_prediction(version, at=now - timedelta(days=30, minutes=1))
    young = make_prediction(version, at=now - timedelta(days=29))

    sweep_predictions()

    assert list(PredictionRecord.objects.all()) == [young]
    assert [row[1] for row in sums()] == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_two_drains_of_the_same_records_at_once_count_them_once(version: ModelVersion) -> None:
    records = make_prediction_records(
        *(make_prediction_entry(version, make_line(), make_line()) for _ in range(50))
    )

    at_once(lambda: drain_predictions(records), lambda: drain_predictions(records))

    assert (PredictionRecord.objects.count(), sums()) == (100, [("1.2.0", 100, 0, 0)])


@pytest.mark.django_db(transaction=True)
def test_drains_that_meet_on_the_same_hours_lose_nothing(version: ModelVersion) -> None:
    batches: list[list[Record]] = [
        make_prediction_records(
            *(
                make_prediction_entry(version, make_line(), at=AT + timedelta(hours=hour))
                for hour in range(5)
            ),
            spool=f"home.{number}",
        )
        for number in range(4)
    ]

    at_once(*(lambda batch=batch: drain_predictions(batch) for batch in batches))

    assert PredictionRecord.objects.count() == 20
    assert sums() == [("1.2.0", 4, 0, 0)] * 5


def at_once(*deeds: Any) -> None:
    barrier, failures = Barrier(len(deeds)), []

    def run(deed: Any) -> None:
        barrier.wait()
        try:
            deed()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_new_ids_are_those_of_the_log() -> None:
    assert len(new_id("pred")) == prediction_rows._PREFIX + 32
