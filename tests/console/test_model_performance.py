"""How a model does: right, often, fast; by version and over time."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.console.judged import fold
from apps.console.model_charts import Span
from apps.models.queries.predictions import AccuracyPoint
from apps.models.services import outcomes, prediction_log
from tests.factories.console import cells, page
from tests.factories.models import make_model, make_version
from tests.factories.predictions import (
    make_line,
    make_prediction,
    make_prediction_entry,
    make_prediction_records,
)
from tests.factories.tenants import actor_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
WHERE = "/console/models/churn/performance"
NOW = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def files_apart(settings, tmp_path):
    settings.SIGNALBOX_DATA_DIR = tmp_path


@pytest.fixture
def version(organization):
    return make_version(make_model(organization, name="churn"), label="1.0", stage="Production")


@pytest.fixture
def tell(admin):
    def told(version, actual, **values):
        row = make_prediction(version, at=timezone.now(), **values)
        outcomes.record_outcome(actor=actor_of(admin), prediction_id=row.public_id, actual=actual)

    return told


def charts(answer):
    """By title: each line's name and its values that are something."""
    found = re.findall(
        r'<figure class="chart">.*?<h3>(.*?)</h3>.*?data-chart="(.*?)"', page(answer), re.DOTALL
    )
    raw = re.findall(r'data-chart="(.*?)"', answer.body.decode())
    documents = [json.loads(text.replace("&quot;", '"')) for text in raw]
    return {
        title: {
            series["label"]: [value for value in series["values"] if value]
            for series in document["series"]
        }
        for (title, _), document in zip(found, documents, strict=True)
    }


def stats(answer):
    labels = re.findall(r'<div class="stat__label">(.*?)</div>', page(answer))
    values = re.findall(r'<div class="stat__value">(.*?)</div>', page(answer))
    return dict(zip(labels, values, strict=True))


def test_accuracy_and_outcomes_by_version(at_viewer, version, tell, stranger):
    other = make_version(version.model, label="1.1")
    tell(version, 1)
    tell(version, 0)
    tell(other, 1)
    theirs = make_version(make_model(stranger.organization, name="churn"))
    make_prediction(theirs, at=timezone.now())

    answer = at_viewer.get(WHERE)

    assert charts(answer)["Accuracy"] == {"1.0": [0.5], "1.1": [1.0]}
    assert charts(answer)["Outcomes"] == {"1.0": [2], "1.1": [1]}
    assert charts(answer)["Predictions"] == {"1.0": [2], "1.1": [1]}
    assert list(charts(answer)["Duration, p95"]) == ["1.0", "1.1"]
    assert (stats(answer)["Predictions"], stats(answer)["Accuracy"]) == ("3", "0.6667")
    assert cells(answer, "1.0") == ["1.0", "2", "0", "0 %", "4.0 ms", "2", "0.5"]


def test_one_version_shows_how_long_half_of_them_took(at_viewer, version):
    make_prediction(version, at=timezone.now())

    found = charts(at_viewer.get(WHERE))

    assert list(found) == ["Predictions", "Duration"]
    assert list(found["Duration"]) == ["p50", "p95"]


def test_errors_have_a_chart_once_there_are_any(at_viewer, version):
    entry = make_prediction_entry(version, at=timezone.now(), predictions=3, errors=1)
    prediction_log.drain_predictions(make_prediction_records(entry))

    answer = at_viewer.get(WHERE)

    assert charts(answer)["Errors"] == {"1.0": [1]}
    assert stats(answer)["Errors"] == "25 %"


def test_a_regression_has_errors_in_place_of_accuracy(at_viewer, version, tell):
    price = make_version(make_model(version.model.organization, name="price"), task="regression")
    tell(price, 13.0, prediction=10.0, probability=None)
    tell(price, 6.0, prediction=10.0, probability=None)

    answer = at_viewer.get("/console/models/price/performance")

    assert charts(answer)["Mean error"] == {"1": [3.5]}
    assert list(charts(answer))[:3] == ["Mean error", "Root mean square error", "Outcomes"]
    assert stats(answer)["Root mean square error"] == "3.536"


def test_without_outcomes_it_says_how_to_tell_them(at_viewer, version):
    make_prediction(version, at=timezone.now())

    html = page(at_viewer.get(WHERE))

    assert "No outcome yet" in html
    assert "/api/v1/predictions/PREDICTION_ID/outcome" in html


def test_window_leaves_out_what_is_older(at_viewer, version):
    make_prediction(version, at=timezone.now() - timedelta(days=3))

    assert stats(at_viewer.get(f"{WHERE}?window=24h"))["Predictions"] == "0"
    assert stats(at_viewer.get(f"{WHERE}?window=7d"))["Predictions"] == "1"


def test_a_window_nobody_offers_is_refused(at_viewer, version):
    assert at_viewer.get(f"{WHERE}?window=1y").status == 422


def test_an_hour_of_a_batch_counts_its_rows(at_viewer, version):
    entry = make_prediction_entry(version, make_line(), make_line(), at=timezone.now())
    prediction_log.drain_predictions(make_prediction_records(entry))

    assert charts(at_viewer.get(WHERE))["Predictions"] == {"1.0": [2]}


def test_span_ends_with_the_present_step():
    hours = Span("hour", 3, NOW, "").times
    days = Span("day", 2, NOW, "").times

    assert [each.hour for each in hours] == [10, 11, 12]
    assert days == [datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)]


def test_fold_counts_each_point_as_often_as_it_has_outcomes():
    points = [
        AccuracyPoint(NOW, "1", 3, 1.0, None, None, 0.25),
        AccuracyPoint(NOW, "2", 1, 0.0, None, None, None),
    ]
    errors = [
        AccuracyPoint(NOW, "1", 1, None, 3.0, 3.0, None),
        AccuracyPoint(NOW, "2", 1, None, 4.0, 4.0, None),
    ]

    found, missed = fold(points), fold(errors)

    assert (found.outcomes, found.accuracy, found.brier) == (4, 0.75, 0.25)
    assert (missed.mean_error, round(missed.root_error, 4), missed.is_regression) == (
        3.5,
        3.5355,
        True,
    )
    assert fold([]).accuracy is None
