"""Two versions side by side: what is better, what differs, and the question before one is promoted."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from apps.approvals.models import ApprovalRequest
from apps.console.judged import Judged, tells_apart
from apps.console.metric_words import change, direction, judged_cell
from apps.models.models import ModelVersion
from apps.models.services import outcomes
from tests.factories.approvals import make_policy
from tests.factories.console import cells, page
from tests.factories.models import SCHEMA, make_model, make_version
from tests.factories.predictions import make_prediction
from tests.factories.tenants import actor_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
WHERE = "/console/models/churn/compare?from=1.0&to=1.1"


@pytest.fixture(autouse=True)
def files_apart(settings, tmp_path):
    settings.SIGNALBOX_DATA_DIR = tmp_path


@pytest.fixture
def pair(organization):
    model = make_model(organization, name="churn")
    wider = {**SCHEMA, "tenure": {"type": "integer", "min": 0, "max": 200}}
    metrics = {"accuracy": 0.85, "log_loss": 0.4, "rows": 100}
    return (
        make_version(model, label="1.0", stage="Production", metrics=metrics),
        make_version(
            model,
            label="1.1",
            features=[[name, spec] for name, spec in wider.items()],
            metrics={"accuracy": 0.87, "log_loss": 0.45, "rows": 120, "f1": 0.5},
        ),
    )


def test_metrics_say_what_is_better(at_viewer, pair):
    answer = at_viewer.get(WHERE)

    assert cells(answer, "accuracy") == ["accuracy", "0.85", "0.87", "+0.02", "Better"]
    assert cells(answer, "log_loss") == ["log_loss", "0.4", "0.45", "+0.05", "Worse"]
    assert cells(answer, "rows") == ["rows", "100", "120", "+20", "–"]
    assert cells(answer, "f1") == ["f1", "–", "0.5", "–", "–"]


def test_outcomes_say_how_right_each_is_live(at_viewer, pair, admin):
    for version, actual in ((pair[0], 1), (pair[0], 0), (pair[1], 1)):
        row = make_prediction(version, at=timezone.now())
        outcomes.record_outcome(actor=actor_of(admin), prediction_id=row.public_id, actual=actual)

    answer = at_viewer.get(WHERE)

    assert cells(answer, "Live accuracy, 30 days") == [
        "Live accuracy, 30 days 2 and 1 outcomes", "0.5", "1", "+0.5", "Too few to tell",
    ]  # fmt: skip
    assert cells(answer, "Live Brier score, 30 days")[4] == "Too few to tell"


@pytest.mark.parametrize(
    ("a", "b", "tells"),
    [
        (Judged(19, 1.0), Judged(500, 0.5), False),
        (Judged(100, 0.8), Judged(100, 0.85), False),
        (Judged(1000, 0.8), Judged(1000, 0.85), True),
        (Judged(50, 1.0), Judged(50, 1.0), False),
        (Judged(99, None, 3.0), Judged(100, None, 4.0), False),
        (Judged(100, None, 3.0), Judged(100, None, 4.0), True),
    ],
)
def test_a_difference_is_told_where_it_is_more_than_chance(a, b, tells):
    assert tells_apart(a, b) is tells


def test_both_sides_are_chosen_in_the_lists(at_viewer, pair):
    html = page(at_viewer.get(WHERE))

    assert re.findall(r"<option [^>]*selected>(.*?)<", html) == ["1.0", "1.1"]


def test_features_that_differ_are_shown_and_the_rest_counted(at_viewer, pair):
    html = page(at_viewer.get(WHERE))

    assert re.findall(r"<(?:del|ins)>(integer.*?)</", html) == [
        "integer, 0 … 100",
        "integer, 0 … 200",
    ]
    assert "1 more feature is the same." in html


def test_promote_asks_first(at_user, pair):
    html = page(at_user.get(WHERE))

    assert re.findall(r'data-dialog-open="(to-[\w-]+)"', html) == ["to-production-2"]
    assert "Calls of churn are answered by 1.1 from then on. 1.0 is archived." in html
    assert '<button class="button button--primary">Promote</button>' in html


def test_promote_asks_people_where_a_policy_says_so(at_user, pair, admin):
    make_policy(actor_of(admin), kind="model.promotion")

    html = page(at_user.get(WHERE))

    assert "People are asked to approve it first; nothing moves before they did." in html
    assert '<button class="button button--primary">Ask for approval</button>' in html


def test_what_waits_for_people_is_said(at_user, pair, admin):
    make_policy(actor_of(admin), kind="model.promotion")
    at_user.post("/console/models/churn/versions/1.1/stage", {"stage": "Production"})

    html = page(at_user.get(WHERE))

    assert "Promote churn 1.1 to Production" in html
    assert f'href="/console/inbox/{ApprovalRequest.objects.get().public_id}"' in html
    assert ModelVersion.objects.get(label="1.1").stage == "None"


def test_viewer_is_offered_no_promotion(at_viewer, pair):
    assert "to-production" not in page(at_viewer.get(WHERE))


@pytest.mark.parametrize(
    ("name", "sense"),
    [
        ("accuracy", 1),
        ("val_AUC", 1),
        ("f1", 1),
        ("log_loss", -1),
        ("test-rmse", -1),
        ("rows", 0),
        ("precision_loss", 0),
    ],
)
def test_direction_is_read_off_the_name(name, sense):
    assert direction(name) == sense


def test_same_numbers_are_the_same_whatever_their_name():
    assert judged_cell("rows", 1.0, 1) == {"state": "off", "value": "The same"}
    assert change(0.5, None) == ""
