"""Predictions in GraphQL: the answers of REST, its refusals, its limits."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Role
from apps.core.limits.rates import parse_rate
from apps.models.enums import Stage
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.models import make_model, make_version
from tests.factories.tenants import log_in, make_member

pytestmark = pytest.mark.integration
ROW = {"tenure": 12, "contract": "Month-to-month"}
PREDICT = """mutation($features: JSON!) { predict(model: "churn", features: $features, explain: true) {
  prediction probability confidence modelVersion cached
  explanation { baseValue output shapValues topFeatures { feature importance value } } } }"""
ROWS = """mutation($rows: JSON!) { predictRows(model: "churn", predictions: $rows) {
  modelVersion failedCount rows { customerId prediction probability error } } }"""
LATER = """mutation($features: JSON!) { predictLater(model: "churn", features: $features) { taskId status } }"""


@pytest.fixture
def key(organization: Organization) -> str:
    make_version(make_model(organization, name="churn"), label="1.2.0", stage=Stage.PRODUCTION)
    return log_in(make_member(organization)).access


def ask(key: str, query: str, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    return GateClient().post("/graphql", body, key=key).json()


def test_a_prediction_is_the_one_of_rest(key: str) -> None:
    said = ask(key, PREDICT, features=ROW)["data"]["predict"]
    rest = GateClient().post("/predict/churn?explain=true", {"features": ROW}, key=key).json()

    assert (said["prediction"], said["confidence"], said["modelVersion"], said["cached"]) == (
        1,
        "high",
        "1.2.0",
        False,
    )
    assert said["probability"] == rest["probability"]
    assert said["explanation"]["shapValues"] == rest["explanation"]["shap_values"]
    assert said["explanation"]["topFeatures"] == rest["explanation"]["top_features"]


def test_rows_have_answers_or_errors(key: str) -> None:
    rows = [{"customer_id": "a", "features": ROW}, {"features": {"tenure": -1}}]

    said = ask(key, ROWS, rows=rows)["data"]["predictRows"]

    assert (said["modelVersion"], said["failedCount"]) == ("1.2.0", 1)
    assert (said["rows"][0]["customerId"], said["rows"][0]["prediction"]) == ("a", 1)
    assert said["rows"][1]["error"]["message"] == "tenure must be positive"


def test_rows_count_as_a_batch(key: str, settings: Any) -> None:
    settings.SIGNALBOX_RATES = {**settings.SIGNALBOX_RATES, "batch": parse_rate("1/m")}
    rows = [{"features": ROW}]

    first, second = (ask(key, ROWS, rows=rows) for _ in range(2))

    assert "errors" not in first
    assert second["errors"][0]["extensions"]["code"] == "LIMITED"


def test_one_asked_for_later_is_a_job(key: str) -> None:
    said = ask(key, LATER, features=ROW)["data"]["predictLater"]

    result = GateClient().get(f"/predict/async/{said['taskId']}/result", key=key)
    assert (said["status"], result.status) == ("queued", 202)


@pytest.mark.parametrize("query", [PREDICT, LATER])
def test_features_that_do_not_fit_are_named(key: str, query: str) -> None:
    error = ask(key, query, features={"tenure": 1})["errors"][0]

    assert error["extensions"]["code"] == "INVALID"
    assert error["extensions"]["fields"][0]["field"] == "contract"


def test_viewers_do_not_predict(organization: Organization, key: str) -> None:
    viewer = log_in(make_member(organization, role=Role.VIEWER)).access

    codes = [
        ask(viewer, query, features=ROW)["errors"][0]["extensions"]["code"]
        for query in (PREDICT, LATER)
    ]

    assert codes == ["DENIED", "DENIED"]
