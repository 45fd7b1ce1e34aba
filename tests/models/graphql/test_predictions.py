"""The log through GraphQL says what the queries say, and outcomes what the service says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.actor import Role
from apps.models.models import ModelVersion
from apps.models.services import outcomes
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.models import make_model, make_version
from tests.factories.predictions import AT, FEATURES, make_prediction
from tests.factories.tenants import log_in, make_member

pytestmark = pytest.mark.integration
LIST = """query ($judged: Boolean, $customer: String, $version: String, $after: String) {
  modelPredictions(name: "churn", judged: $judged, customer: $customer, version: $version, first: 2, after: $after) {
    totalCount nodes { id customerId } pageInfo { hasNextPage endCursor } } }"""
ONE = """query ($id: ID!) { prediction(id: $id) {
  model version prediction probability customerId features cached source at durationMs actual actualAt } }"""
SAY = """mutation ($id: ID!, $actual: JSON!) {
  recordOutcome(id: $id, actual: $actual) { outcome { id model version prediction actual } } }"""
SAY_MANY = """mutation ($outcomes: [OutcomeInput!]!) {
  recordOutcomes(outcomes: $outcomes) { accepted rejected { index error } } }"""
SUMS = """{ modelAccuracy(name: "churn") { version outcomes accuracy meanAbsoluteError rootMeanSquaredError brier }
  modelHours(name: "churn") { version predictions errors cached p50Ms }
  modelTotals(name: "churn") { total lastAt } }"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "PATIENCE", 0.0)


@pytest.fixture
def churn(organization: Organization) -> ModelVersion:
    return make_version(make_model(organization, name="churn"), label="1.2.0")


@pytest.fixture
def key(organization: Organization) -> str:
    return log_in(make_member(organization)).access


def ask(key: str, query: str, **variables: Any) -> Any:
    return GateClient().post("/graphql", {"query": query, "variables": variables}, key=key).json()


def code_of(body: Any) -> str:
    return str(body["errors"][0]["extensions"]["code"])


def listed(key: str, **variables: Any) -> Any:
    return ask(key, LIST, **variables)["data"]["modelPredictions"]


def test_one_prediction_is_told_whole(key: str, churn: ModelVersion) -> None:
    row = make_prediction(churn)

    assert ask(key, ONE, id=row.public_id)["data"]["prediction"] == {
        "model": "churn",
        "version": "1.2.0",
        "prediction": 1,
        "probability": 0.75,
        "customerId": "cust-1",
        "features": FEATURES,
        "cached": False,
        "source": "single",
        "at": "2026-03-31T12:30:00Z",
        "durationMs": 4.0,
        "actual": None,
        "actualAt": None,
    }


def test_the_list_is_newest_first_whatever_came_last(key: str, churn: ModelVersion) -> None:
    rows = [make_prediction(churn, at=AT + timedelta(minutes=minute)) for minute in (2, 0, 3, 1)]

    first = listed(key)
    second = listed(key, after=first["pageInfo"]["endCursor"])

    found = [node["id"] for page in (first, second) for node in page["nodes"]]
    assert found == [rows[place].public_id for place in (2, 0, 3, 1)]
    assert (first["totalCount"], second["pageInfo"]["hasNextPage"]) == (4, False)


def test_the_list_is_filtered(key: str, churn: ModelVersion) -> None:
    one, two = make_prediction(churn, customer="ann"), make_prediction(churn, customer="bob")
    ask(key, SAY, id=one.public_id, actual=1)

    assert [node["id"] for node in listed(key, judged=True)["nodes"]] == [one.public_id]
    assert [node["id"] for node in listed(key, judged=False)["nodes"]] == [two.public_id]
    assert [node["id"] for node in listed(key, customer="bob")["nodes"]] == [two.public_id]
    assert listed(key, version="latest")["totalCount"] == 2
    assert listed(key, version="0.0.1")["totalCount"] == 0


def test_an_outcome_is_said(key: str, churn: ModelVersion) -> None:
    row = make_prediction(churn)

    said = ask(key, SAY, id=row.public_id, actual=0)["data"]["recordOutcome"]["outcome"]
    wrong = ask(key, SAY, id=row.public_id, actual="gone")

    assert said == {
        "id": row.public_id,
        "model": "churn",
        "version": "1.2.0",
        "prediction": 1,
        "actual": 0,
    }
    assert code_of(wrong) == "INVALID"
    assert code_of(ask(key, SAY, id="pred_nope", actual=0)) == "NOT_FOUND"


def test_many_outcomes_are_said(key: str, churn: ModelVersion) -> None:
    row = make_prediction(churn)
    said = [{"predictionId": name, "actual": 1} for name in (row.public_id, "nope")]

    assert ask(key, SAY_MANY, outcomes=said)["data"]["recordOutcomes"] == {
        "accepted": 1,
        "rejected": [
            {
                "index": 1,
                "error": {
                    "code": "not_found",
                    "message": "There is nothing here by that name.",
                    "details": [],
                },
            }
        ],
    }


def test_sums_are_told(key: str, churn: ModelVersion) -> None:
    now = timezone.now()
    row = make_prediction(churn, at=now)
    ask(key, SAY, id=row.public_id, actual=1)

    found = ask(key, SUMS)["data"]

    assert found["modelAccuracy"] == [
        {
            "version": "1.2.0",
            "outcomes": 1,
            "accuracy": 1.0,
            "meanAbsoluteError": None,
            "rootMeanSquaredError": None,
            "brier": 0.0625,
        }
    ]
    (hour,) = found["modelHours"]
    assert hour.pop("p50Ms") == pytest.approx(4.0, rel=0.01)
    assert hour == {"version": "1.2.0", "predictions": 1, "errors": 0, "cached": 0}
    assert found["modelTotals"]["total"] == 1
    assert found["modelTotals"]["lastAt"] == now.isoformat().replace("+00:00", "Z")


def test_a_viewer_reads_and_says_nothing(organization: Organization, churn: ModelVersion) -> None:
    viewer = log_in(make_member(organization, Role.VIEWER)).access
    row = make_prediction(churn)

    assert listed(viewer)["totalCount"] == 1
    assert code_of(ask(viewer, SAY, id=row.public_id, actual=1)) == "DENIED"
    assert code_of(ask(viewer, SAY_MANY, outcomes=[])) == "DENIED"


def test_what_others_predicted_is_not_there(key: str, other: Organization) -> None:
    row = make_prediction(make_version(make_model(other, name="churn")))

    assert code_of(ask(key, ONE, id=row.public_id)) == "NOT_FOUND"
    assert code_of(ask(key, LIST)) == "NOT_FOUND"
    assert code_of(ask(key, SUMS)) == "NOT_FOUND"


def test_a_list_costs_the_same_however_long(key: str, churn: ModelVersion) -> None:
    make_prediction(churn)
    listed(key)
    with CaptureQueriesContext(connection) as short:
        listed(key)
    make_prediction(churn)

    with CaptureQueriesContext(connection) as long:
        assert listed(key)["totalCount"] == 2

    assert len(long) == len(short)
