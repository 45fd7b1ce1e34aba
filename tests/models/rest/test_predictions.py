"""The log's REST answers: shapes that programs rely on, pages, filters, and outcomes said twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.models.models import ModelVersion, OutcomeTally
from apps.models.services import outcomes
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.models import make_model, make_version
from tests.factories.predictions import AT, FEATURES, make_prediction
from tests.factories.tenants import log_in, make_member

pytestmark = pytest.mark.integration
LOG = "/api/v1/models/churn/predictions"
BULK = "/api/v1/predictions/outcomes"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "PATIENCE", 0.0)


@pytest.fixture
def churn(organization: Organization) -> ModelVersion:
    return make_version(make_model(organization, name="churn"), label="1.2.0")


@pytest.fixture
def key(organization: Organization) -> str:
    return log_in(make_member(organization)).access


def get(key: str, path: str) -> Any:
    answer = GateClient().get(path, key=key)
    assert answer.status == 200, answer.body
    return answer.json()


def ids(key: str, query: str) -> list[str]:
    return [row["id"] for row in get(key, f"{LOG}?{query}")["data"]]


def test_a_prediction_in_the_list_and_alone(key: str, churn: ModelVersion) -> None:
    row = make_prediction(churn)
    listed = {
        "id": row.public_id,
        "model": "churn",
        "version": "1.2.0",
        "prediction": 1,
        "probability": 0.75,
        "customer_id": "cust-1",
        "cached": False,
        "source": "single",
        "batch_id": "",
        "request_id": row.request_id,
        "key": "key_a",
        "principal": "user_a",
        "at": "2026-03-31T12:30:00Z",
        "duration_ms": 4.0,
        "actual": None,
        "actual_at": None,
    }

    assert get(key, LOG)["data"] == [listed]
    alone = get(key, f"/api/v1/predictions/{row.public_id}")
    assert alone == {**listed, "features": FEATURES}


def test_pages_hold_every_row_once_newest_first(key: str, churn: ModelVersion) -> None:
    rows = [make_prediction(churn, at=AT + timedelta(hours=hour)) for hour in (2, 0, 4, 1, 3)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = get(key, f"{LOG}?limit=2&cursor={cursor}")
        seen += [row["id"] for row in page["data"]]
        cursor = page["meta"]["next_cursor"]
        if cursor is None:
            break

    assert seen == [rows[place].public_id for place in (2, 4, 0, 3, 1)]


def test_the_list_is_filtered(key: str, churn: ModelVersion) -> None:
    newer = make_version(churn.model, label="1.3.0")
    old = make_prediction(churn, customer="ann")
    new = make_prediction(newer, customer="bob", at=AT + timedelta(days=1))
    GateClient().post(f"/api/v1/predictions/{old.public_id}/outcome", {"actual": 1}, key=key)

    assert ids(key, "version=1.2.0") == [old.public_id]
    assert ids(key, "version=latest") == [new.public_id]
    assert ids(key, "customer_id=bob") == [new.public_id]
    assert ids(key, "judged=true") == [old.public_id]
    assert ids(key, "judged=false") == [new.public_id]
    assert ids(key, "source=batch") == []
    assert ids(key, "from=2026-04-01T00:00:00Z") == [new.public_id]
    assert ids(key, "to=2026-04-01T00:00:00Z&judged=&version=") == [old.public_id]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{LOG}?judged=perhaps", "judged"),
        (f"{LOG}?source=nowhere", "source"),
        (f"{LOG}?from=yesterday", "from"),
        ("/api/v1/models/churn/accuracy?days=0", "days"),
        ("/api/v1/models/churn/accuracy?days=401", "days"),
        ("/api/v1/models/churn/accuracy?days=32&by=hour", "days"),
        ("/api/v1/models/churn/accuracy?by=week", "by"),
    ],
)
def test_a_wrong_parameter_is_named(key: str, churn: ModelVersion, path: str, field: str) -> None:
    answer = GateClient().get(path, key=key)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [field])


@pytest.mark.parametrize("value", ["a" * 5000, "%ED%A0%80", "%E2%80%AE"])
def test_strange_words_find_nothing(key: str, churn: ModelVersion, value: str) -> None:
    make_prediction(churn)

    assert (ids(key, f"version={value}"), ids(key, f"customer_id={value}")) == ([], [])


def test_an_outcome_is_answered_without_features(key: str, churn: ModelVersion) -> None:
    row = make_prediction(churn)

    answer = GateClient().post(
        f"/api/v1/predictions/{row.public_id}/outcome", {"actual": 0}, key=key
    )

    body = answer.json()
    assert body.pop("actual_at") > "2026"
    assert (answer.status, body) == (
        200,
        {
            "id": row.public_id,
            "model": "churn",
            "version": "1.2.0",
            "prediction": 1,
            "actual": 0,
        },
    )


def test_the_rejected_of_many_are_told_by_their_place(key: str, churn: ModelVersion) -> None:
    row = make_prediction(churn)
    name = row.public_id
    said: list[dict[str, Any]] = [
        {"prediction_id": name},
        {"prediction_id": name, "actual": 1},
        {"prediction_id": name, "actual": 1, "weight": 2},
        {"prediction_id": name, "actual": 3},
        {"prediction_id": None, "actual": 1},
        {"prediction_id": name, "actual": None},
    ]

    answer = GateClient().post(BULK, {"outcomes": said}, key=key)

    body = answer.json()
    wrong = {one["index"]: one["error"]["message"] for one in body["rejected"]}
    assert (answer.status, body["accepted"]) == (200, 1)
    assert wrong == {
        0: "actual: is required",
        2: "weight: is not a field here",
        3: "actual: must be a class of this model: 0, 1",
        4: "There is nothing here by that name.",
        5: "actual: must be a number, as the prediction is",
    }
    assert body["rejected"][0]["error"] == {
        "code": "validation_error",
        "message": "actual: is required",
        "details": [{"field": "actual", "message": "is required", "type": "invalid"}],
    }


def test_a_repeated_key_says_outcomes_once(key: str, churn: ModelVersion) -> None:
    one, two = make_prediction(churn), make_prediction(churn)
    headers = {"Idempotency-Key": "once"}
    body = {"outcomes": [{"prediction_id": one.public_id, "actual": 1}]}

    first = GateClient().post(BULK, body, key=key, headers=headers)
    second = GateClient().post(BULK, body, key=key, headers=headers)
    body["outcomes"][0]["prediction_id"] = two.public_id
    third = GateClient().post(BULK, body, key=key, headers=headers)

    assert first.json() == second.json() == {"accepted": 1, "rejected": []}
    assert third.status == 409
    assert OutcomeTally.objects.get().outcomes == 1


def test_accuracy_is_told_by_day(key: str, churn: ModelVersion) -> None:
    now = timezone.now()
    row = make_prediction(churn, at=now)
    GateClient().post(f"/api/v1/predictions/{row.public_id}/outcome", {"actual": 1}, key=key)

    assert get(key, "/api/v1/models/churn/accuracy?days=7") == {
        "by": "day",
        "days": 7,
        "points": [
            {
                "at": f"{now:%Y-%m-%d}T00:00:00Z",
                "version": "1.2.0",
                "outcomes": 1,
                "accuracy": 1.0,
                "mean_absolute_error": None,
                "root_mean_squared_error": None,
                "brier": 0.0625,
            }
        ],
    }
    assert get(key, "/api/v1/models/churn/accuracy?by=hour&version=0.9")["points"] == []


def test_a_model_says_how_much_it_predicted(key: str, churn: ModelVersion) -> None:
    before = get(key, "/api/v1/models/churn")
    make_prediction(churn)

    after = get(key, "/api/v1/models/churn")

    assert (before["total_predictions"], before["last_prediction"]) == (0, None)
    assert (after["total_predictions"], after["last_prediction"]) == (1, "2026-03-31T12:30:00Z")


def test_the_share_of_the_log_is_set(key: str, churn: ModelVersion) -> None:
    changed = GateClient().call("PATCH", "/api/v1/models/churn", body={"log_share": 0.25}, key=key)

    assert (changed.status, changed.json()["log_share"]) == (200, 0.25)
    assert get(key, "/api/v1/models/churn")["log_share"] == 0.25
