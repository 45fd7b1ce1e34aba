"""The log of a model's predictions, one of them, and what it turned out to be."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.console.outcome_fields import outcome_field, read_outcome
from apps.core.actor import Role
from apps.core.errors import Invalid
from apps.models.models import PredictionRecord
from tests.factories.console import Visitor, cells, page, row_labels, title, toasts
from tests.factories.models import make_model, make_version
from tests.factories.predictions import make_prediction
from tests.factories.tenants import make_member

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
LOG = "/console/models/churn/predictions"


@pytest.fixture(autouse=True)
def files_apart(settings, tmp_path):
    settings.SIGNALBOX_DATA_DIR = tmp_path


@pytest.fixture
def version(organization):
    return make_version(make_model(organization, name="churn"), label="1.0", stage="Production")


def attribute(answer, name):
    found = re.search(rf'data-{name}="(.*?)"', answer.body.decode())
    return found.group(1).replace("&quot;", '"') if found else None


def test_log_shows_ours_newest_first(at_viewer, version, stranger):
    now = timezone.now()
    old = make_prediction(version, at=now - timedelta(hours=1), customer="cust-old")
    new = make_prediction(version, at=now, prediction=0, probability=0.123456)
    make_prediction(make_version(make_model(stranger.organization, name="churn")), at=now)
    make_prediction(make_version(make_model(version.model.organization, name="other")), at=now)

    answer = at_viewer.get(LOG)

    assert rows(answer) == ["0", "1"]
    assert cells(answer, new.public_id)[:5] == ["0", "0.1235", "cust-1", "1.0", "–"]
    assert cells(answer, old.public_id)[2] == "cust-old"


def rows(answer):
    """Without the blank one that a script makes others of."""
    return [label for label in row_labels(answer) if label.strip()]


@pytest.mark.parametrize(
    ("query", "customers"),
    [
        ("version=1.1", ["b"]),
        ("version=production", ["c", "a"]),
        ("customer=c", ["c"]),
        ("judged=true", ["a"]),
        ("judged=false", ["c", "b"]),
        ("customer=nobody", []),
    ],
)
def test_log_is_filtered(query, customers, at_user, version):
    now = timezone.now()
    other = make_version(version.model, label="1.1")
    told = make_prediction(version, at=now - timedelta(minutes=3), customer="a")
    make_prediction(other, at=now - timedelta(minutes=2), customer="b")
    make_prediction(version, at=now - timedelta(minutes=1), customer="c")
    at_user.post(f"{LOG}/{told.public_id}/outcome", {"actual": "0"})

    html = page(at_user.get(f"{LOG}?{query}"))

    assert re.findall(r'data-label="Customer">\s*(\w+)', html) == customers


def test_an_unknown_word_of_the_filter_is_refused(at_viewer, version):
    assert at_viewer.get(f"{LOG}?judged=maybe").status == 422


def test_log_goes_on_by_cursor(at_viewer, version):
    now = timezone.now()
    for number in range(51):
        make_prediction(version, at=now - timedelta(minutes=number), customer=f"n{number}")

    first = at_viewer.get(LOG)
    link = re.search(r'href="([^"]*cursor=[^"]*)"', page(first)).group(1)
    rest = at_viewer.get(link)

    assert (len(rows(first)), len(rows(rest))) == (50, 1)
    assert attribute(first, "feed-type") == "prediction"
    assert attribute(rest, "feed-type") is None


def test_feed_lets_through_what_the_filter_does(at_viewer, version):
    make_prediction(version, at=timezone.now())

    fresh = at_viewer.get(f"{LOG}?version=1.0&customer=cust-1")
    judged = at_viewer.get(f"{LOG}?judged=true")

    assert json.loads(attribute(fresh, "feed-wanted")) == {
        "model": "churn", "version": "1.0", "customer_id": "cust-1",
    }  # fmt: skip
    assert attribute(fresh, "topic") == "prediction.events"
    assert attribute(judged, "feed-type") is None


def test_an_empty_log_says_how_to_fill_it(at_viewer, version):
    html = page(at_viewer.get(LOG))

    assert "No prediction yet" in html
    assert "/predict/churn?version=1.0'" in html
    assert '"contract": "Month-to-month"' in html


def test_an_empty_log_without_a_version_leads_to_the_upload(at_user, organization):
    make_version(make_model(organization, name="churn"), status="checking")

    html = page(at_user.get(LOG))

    assert "It has no version that could answer. Upload one first." in html
    assert 'href="/console/models/churn/versions/new"' in html


def test_a_share_is_said(at_viewer, version):
    type(version.model).objects.filter(pk=version.model_id).update(log_share=0.25)

    assert "25 % of this model's predictions are logged; all are counted." in page(
        at_viewer.get(LOG)
    )


def test_detail_shows_the_row_and_what_would_explain_it(at_user, version):
    row = make_prediction(version, at=timezone.now(), features={"tenure": 3, "contract": None})

    answer = at_user.get(f"{LOG}/{row.public_id}")

    assert title(answer) == "Prediction of churn"
    assert re.findall(r"<dt>(tenure|contract)</dt>", page(answer)) == ["tenure", "contract"]
    assert attribute(answer, "url") == f"/api/v1/predictions/{row.public_id}/explanation"
    assert json.loads(attribute(answer, "features")) == {"tenure": 3, "contract": None}


def test_detail_of_a_version_that_is_gone_explains_nothing(at_user, version):
    other = make_version(version.model, label="1.1")
    row = make_prediction(other, at=timezone.now())
    at_user.post("/console/models/churn/versions/1.1/remove")

    answer = at_user.get(f"{LOG}/{row.public_id}")

    assert (answer.status, attribute(answer, "features")) == (200, None)


def test_detail_by_a_viewer_asks_nothing(at_viewer, version):
    row = make_prediction(version, at=timezone.now())

    html = page(at_viewer.get(f"{LOG}/{row.public_id}"))

    assert ("data-explaining" in html, 'name="actual"' in html) == (False, False)


@pytest.mark.parametrize("id", ["pred_0", "churn", "pred_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c"])
def test_a_prediction_nobody_made_is_missing(id, at_user, version):  # noqa: A002
    assert at_user.get(f"{LOG}/{id}").status == 404


def test_a_prediction_of_another_model_is_missing(at_user, version, organization):
    row = make_prediction(make_version(make_model(organization, name="other")), at=timezone.now())

    assert at_user.get(f"{LOG}/{row.public_id}").status == 404


def test_outcome_is_noted_and_corrected(at_user, version):
    row = make_prediction(version, at=timezone.now())
    where = f"{LOG}/{row.public_id}"

    for actual in ("0", "1"):
        answer = at_user.post(f"{where}/outcome", {"actual": actual})

    assert answer.headers["location"] == where
    assert PredictionRecord.objects.get(pk=row.pk).actual == 1
    assert "It turned out otherwise?" in page(at_user.get(where))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "actual: is required"),
        ({"actual": "maybe"}, "actual: must be a number, as the prediction is"),
        ({"actual": "NaN"}, "actual: must be a number, as the prediction is"),
        ({"actual": "1" * 501}, "actual: may have 500 characters at most"),
    ],
)
def test_an_outcome_that_cannot_be_is_refused(sent, said, at_user, version):
    row = make_prediction(version, at=timezone.now())

    at_user.post(f"{LOG}/{row.public_id}/outcome", sent)

    assert toasts(at_user) == [said]
    assert PredictionRecord.objects.get(pk=row.pk).actual_at is None


def test_outcome_by_a_viewer_is_refused(version, organization):
    row = make_prediction(version, at=timezone.now())
    visitor = Visitor(make_member(organization, Role.VIEWER))

    answer = visitor.post(f"{LOG}/{row.public_id}/outcome", {"actual": "1"})

    assert answer.status == 403
    assert PredictionRecord.objects.get(pk=row.pk).actual_at is None


@pytest.mark.parametrize(
    ("changes", "predicted", "kind", "values"),
    [
        ({}, 1, "choice", ["0", "1"]),
        ({"details": {"classes": ["no", "yes"]}}, "no", "choice", ['"no"', '"yes"']),
        ({"details": {"classes": 3}}, 2, "choice", ["0", "1", "2"]),
        ({"task": "regression"}, 3.5, "number", []),
        ({}, "stays", "text", []),
    ],
)
def test_what_it_may_have_been_is_offered(changes, predicted, kind, values, organization):
    details = {"details": changes.pop("details", {})}
    version = make_version(make_model(organization), described=details, **changes)

    found = outcome_field(version, predicted)

    assert (found["kind"], [each["value"] for each in found["options"]]) == (kind, values)


@pytest.mark.parametrize(
    ("text", "predicted", "value"),
    [
        ("1", 0, 1),
        ("2.5", 1.0, 2.5),
        ('"yes"', "no", "yes"),
        (" yes ", "no", "yes"),
        ("12", "no", "12"),
        ("true", False, True),
    ],
)
def test_outcome_is_read_as_the_prediction_is(text, predicted, value):
    found = read_outcome(text, predicted)

    assert (found, type(found)) == (value, type(value))


def test_outcome_needs_a_word():
    with pytest.raises(Invalid):
        read_outcome("  ", 1)
