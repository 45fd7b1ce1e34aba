"""The doors of predictions: the serving API's shapes, its versions, its refusals; one row, many, later."""

from __future__ import annotations

from math import exp
from typing import Any

import pytest

from apps.core.actor import Role
from apps.models.enums import Stage
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.views import bodies
from apps.tenants.models import Organization
from tests.client import Answer, GateClient
from tests.factories.keys import make_key
from tests.factories.models import make_model, make_version
from tests.factories.tenants import log_in, make_member

pytestmark = pytest.mark.integration
ROW = {"tenure": 12, "contract": "Month-to-month"}


def sigmoid(margin: float) -> float:
    return 1 / (1 + exp(-margin))


@pytest.fixture
def model(organization: Organization) -> RegisteredModel:
    return make_model(organization, name="churn")


@pytest.fixture
def version(model: RegisteredModel) -> ModelVersion:
    return make_version(model, label="1.2.0", stage=Stage.PRODUCTION)


@pytest.fixture
def key(organization: Organization, version: ModelVersion) -> str:
    return log_in(make_member(organization)).access


def predict(key: str, features: Any = None, query: str = "", **more: Any) -> Answer:
    body = {"features": ROW if features is None else features, **more}
    return GateClient().post(f"/predict/churn{query}", body, key=key)


def test_a_prediction_has_the_shape_of_the_serving_api(key: str) -> None:
    answer = predict(key, customer_id="CUST12345")

    body = answer.json()
    expected = sigmoid(1.0 - 0.05 * 12 + 1.2)
    assert answer.status == 200
    assert list(body) == [
        "prediction",
        "probability",
        "confidence",
        "model_version",
        "prediction_id",
        "timestamp",
    ]
    assert body["probability"] == pytest.approx(expected, abs=1e-12)
    assert (body["prediction"], body["confidence"], body["model_version"]) == (1, "high", "1.2.0")
    assert body["prediction_id"].startswith("pred_")
    assert answer.headers["x-signalbox-cache"] == "miss"


def test_an_explanation_adds_up_to_the_margin(key: str) -> None:
    body = predict(key, query="?explain=true").json()

    told = body["explanation"]
    assert told["output"] == "margin"
    assert sigmoid(told["base_value"] + sum(told["shap_values"])) == pytest.approx(
        body["probability"], abs=1e-12
    )
    assert [each["feature"] for each in told["top_features"]] == ["contract", "tenure"]
    assert told["top_features"][0] == {
        "feature": "contract",
        "importance": pytest.approx(1.2),
        "value": "Month-to-month",
    }


@pytest.mark.parametrize(
    ("features", "fields"),
    [
        ({"tenure": -1, "contract": "One year"}, ["tenure"]),
        ({"tenure": 2**63, "contract": "One year"}, None),
        ({"tenure": 1.5, "contract": "Weekly"}, ["tenure", "contract"]),
        ({"tenure": 1}, ["contract"]),
        ({**ROW, "shoe_size": 42}, ["shoe_size"]),
        ([1, 2], ["features"]),
        ({f"f{n}": n for n in range(10_000)}, None),
    ],
)
def test_features_that_do_not_fit_are_named(
    key: str, features: Any, fields: list[str] | None
) -> None:
    answer = predict(key, features)

    assert answer.status in ((422,) if fields else (400, 422))
    if fields:
        assert answer.json()["invalid_fields"] == fields


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999"])
def test_numbers_that_are_none_are_refused(key: str, number: bytes) -> None:
    raw = b'{"features": {"tenure": %s, "contract": "One year"}}' % number
    answer = GateClient().post(
        "/predict/churn", key=key, raw=raw, headers={"content-type": "application/json"}
    )

    assert answer.status == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "features"),
        ({"features": ROW, "shape": 1}, "shape"),
        ({"features": ROW, "customer_id": "x" * 256}, "customer_id"),
    ],
)
def test_a_body_that_is_no_question_is_refused(key: str, body: Any, field: str) -> None:
    answer = GateClient().post("/predict/churn", body, key=key)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])


def test_a_version_is_chosen_by_name_number_alias_or_stage(
    key: str, model: RegisteredModel
) -> None:
    make_version(model, label="1.3.0", stage=Stage.STAGING, alias="challenger")

    chosen = {
        tag: predict(key, query=f"?version={tag}").json()["model_version"]
        for tag in ("1.3.0", "2", "@challenger", "staging", "Staging", "latest", "production", "1")
    }

    assert chosen == {
        "1.3.0": "1.3.0",
        "2": "1.3.0",
        "@challenger": "1.3.0",
        "staging": "1.3.0",
        "Staging": "1.3.0",
        "latest": "1.3.0",
        "production": "1.2.0",
        "1": "1.2.0",
    }


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/predict/churn?version=9.9.9", "version_not_found"),
        ("/predict/churn?version=../../etc", "version_not_found"),
        ("/predict/nobody", "model_not_found"),
        ("/predict/..%2fchurn", "not_found"),
        ("/predict/theirs", "model_not_found"),
    ],
)
def test_what_is_not_there_is_404(key: str, other: Organization, path: str, code: str) -> None:
    make_version(make_model(other, name="theirs"), stage=Stage.PRODUCTION)

    answer = GateClient().post(path, {"features": ROW}, key=key)

    assert (answer.status, answer.error) == (404, code)


def test_without_a_version_in_production_one_has_to_be_named(
    key: str, organization: Organization
) -> None:
    make_version(make_model(organization, name="young"), label="0.1")

    unnamed = GateClient().post("/predict/young", {"features": ROW}, key=key)
    named = GateClient().post("/predict/young?version=0.1", {"features": ROW}, key=key)

    assert (unnamed.status, unnamed.error) == (404, "no_production_version")
    assert named.status == 200


@pytest.mark.parametrize("path", ["/predict/churn", "/predict/batch/churn", "/predict/async/churn"])
def test_viewers_do_not_predict(
    organization: Organization, version: ModelVersion, path: str
) -> None:
    viewer = log_in(make_member(organization, role=Role.VIEWER)).access

    answers = [GateClient().post(path, {"features": ROW}, key=who) for who in (viewer, None)]

    assert [answer.status for answer in answers] == [403, 401]


def test_a_key_bound_to_other_models_does_not_see_this_one(
    organization: Organization, version: ModelVersion
) -> None:
    bound = make_key(make_member(organization), models=["other"]).secret

    assert (predict(bound).status, predict(bound).error) == (404, "model_not_found")


def test_a_batch_has_an_answer_or_an_error_for_each_row(key: str) -> None:
    rows = [
        {"customer_id": "CUST001", "features": ROW},
        {"customer_id": "CUST002", "features": {"tenure": "long", "contract": "One year"}},
        {"customer_id": 3, "features": {"tenure": 40, "contract": "Two year"}},
    ]

    answer = GateClient().post("/predict/batch/churn", {"predictions": rows}, key=key)

    body = answer.json()
    assert answer.status == 200
    assert {name: body[name] for name in ("processed_count", "failed_count", "model_version")} == {
        "processed_count": 2,
        "failed_count": 1,
        "model_version": "1.2.0",
    }
    first, second, third = body["predictions"]
    assert (first["customer_id"], first["prediction"]) == ("CUST001", 1)
    assert second == {
        "customer_id": "CUST002",
        "index": 1,
        "error": {
            "code": "validation_error",
            "message": "tenure must be an integer",
            "details": [{"field": "tenure", "message": "must be an integer", "type": "type"}],
        },
    }
    assert (third["customer_id"], third["prediction"]) == (3, 0)
    assert third["probability"] == pytest.approx(sigmoid(1.0 - 2.0 - 0.8), abs=1e-12)


def test_a_long_batch_is_whole(key: str) -> None:
    rows = [{"customer_id": str(n), "features": {**ROW, "tenure": n % 100}} for n in range(1000)]

    body = GateClient().post("/predict/batch/churn", {"predictions": rows}, key=key).json()

    assert [each["customer_id"] for each in body["predictions"]] == [str(n) for n in range(1000)]
    assert body["processed_count"] == 1000
    assert len({each["prediction_id"] for each in body["predictions"]}) == 1000


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"predictions": []}, "predictions"),
        ({"predictions": [{"features": ROW}] * 1001}, "predictions"),
        ({"predictions": "all"}, "predictions"),
        ({"predictions": [{}]}, "predictions.0.features"),
        ({"predictions": [{"features": ROW, "customer_id": []}]}, "predictions.0.customer_id"),
    ],
)
def test_a_body_that_is_no_batch_is_refused(key: str, body: Any, field: str) -> None:
    answer = GateClient().post("/predict/batch/churn", body, key=key)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])


def test_an_idempotency_key_gets_the_first_prediction_again(key: str) -> None:
    headers = {"idempotency-key": "once"}
    first, again = (
        GateClient().post("/predict/churn", {"features": ROW}, key=key, headers=headers)
        for _ in range(2)
    )
    other = GateClient().post(
        "/predict/churn", {"features": {**ROW, "tenure": 1}}, key=key, headers=headers
    )

    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status, other.error) == (409, "idempotency_key_reused")


def test_a_prediction_asked_for_later_is_a_job(key: str) -> None:
    body = {"features": ROW, "customer_id": "CUST1"}
    answer = GateClient().post("/predict/async/churn?explain=true", body, key=key)

    task = answer.json()
    waiting = GateClient().get(f"/predict/async/{task['task_id']}/result", key=key)
    assert (answer.status, task["status"]) == (202, "queued")
    assert answer.headers["location"] == f"/predict/async/{task['task_id']}/result"
    assert waiting.status == 202
    assert waiting.json() == {"task_id": task["task_id"], "status": "queued"}


def test_a_prediction_asked_for_later_is_checked_now(key: str) -> None:
    answer = GateClient().post("/predict/async/churn", {"features": {"tenure": -1}}, key=key)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, ["tenure", "contract"])


@pytest.mark.parametrize("task", ["job_" + "0" * 32, "nothing"])
def test_no_task_has_no_result(key: str, task: str) -> None:
    assert GateClient().get(f"/predict/async/{task}/result", key=key).status == 404


def test_a_key_bound_to_other_models_does_not_see_what_was_asked_for_later(
    organization: Organization, key: str
) -> None:
    task = GateClient().post("/predict/async/churn", {"features": ROW}, key=key).json()["task_id"]
    statuses = [
        GateClient()
        .get(
            f"/predict/async/{task}/result",
            key=make_key(make_member(organization), models=[name]).secret,
        )
        .status
        for name in ("other", "churn")
    ]

    assert statuses == [404, 202]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict/churn", {"features": ROW}),
        ("/predict/async/churn", {"features": ROW}),
        ("/predict/batch/churn", {"predictions": [{"features": ROW}]}),
        ("/v2/models/churn/infer", {"inputs": []}),
    ],
)
def test_a_long_body_is_read_beside_the_loop(
    key: str, monkeypatch: pytest.MonkeyPatch, path: str, body: Any
) -> None:
    """Megabytes of JSON would hold up everybody else for seconds."""
    beside: list[str] = []

    async def in_pool(work: Any, *args: Any, **kwargs: Any) -> Any:
        beside.append(work.__name__)
        return work(*args, **kwargs)

    monkeypatch.setattr(bodies, "in_pool", in_pool)
    statuses = [
        GateClient().post(path, {**body, "x" * length: 1}, key=key).status
        for length in (10, bodies.LONG_BODY)
    ]

    assert statuses == [422, 422]
    assert len(beside) == 1
