"""The serving API as its own document shows it, example by example, against a real server."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from config.churn.customers import EXAMPLE, SCHEMA
from config.churn.written import read_written
from tests.journeys.conftest import Serving, set_stages
from tests.rig.http import Answer, Client, run

pytestmark = pytest.mark.journey

PREDICT = "/predict/churn-predictor"
ASKED = {"features": EXAMPLE, "customer_id": "CUST12345"}
SAID = {
    "prediction",
    "probability",
    "confidence",
    "model_version",
    "prediction_id",
    "timestamp",
}
CURL_PREDICTION = """
curl -sS -X POST http://localhost:8000/predict/churn-predictor \\
  -H "Content-Type: application/json" \\
  -H "X-API-Key: your-api-key" \\
  -d '{
    "features": {
      "tenure": 12,
      "monthly_charges": 65.0,
      "contract": "Month-to-month"
    }
  }'
"""
CURL_MODELS = """
curl -sS -H "X-API-Key: your-api-key" \\
  http://localhost:8000/models
"""
CURL_HEALTH = """
curl -sS -H "X-API-Key: your-api-key" \\
  http://localhost:8000/health
"""
# What the drain of the spool, or a worker, may take on a loaded machine.
WITHIN = 20.0


def curl(serving: Serving, command: str) -> Any:
    """The example as it stands, host and key aside."""
    script = command.replace("http://localhost:8000", serving.server.url)
    done = subprocess.run(
        ["bash", "-euc", script.replace("your-api-key", serving.hurried.key)],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def until(ask: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + WITHIN
    while not wanted(found := ask()):
        assert time.monotonic() < deadline, f"still {found}"
        time.sleep(0.1)
    return found


def ok(answer: Answer) -> Any:
    assert answer.status == 200, answer.text
    return answer.json()


# ---------------------------------------------------------------- one prediction


def test_a_prediction_is_answered_in_the_documents_shape(serving: Serving) -> None:
    before = datetime.now(UTC)
    said = ok(serving.hurried.post(PREDICT, json=ASKED))
    after = datetime.now(UTC)

    assert set(said) == SAID
    assert (said["prediction"], said["confidence"], said["model_version"]) == (0, "high", "1.2.0")
    assert said["probability"] == pytest.approx(0.235, abs=1e-3)
    assert re.fullmatch(r"pred_[0-9a-f]{32}", said["prediction_id"])
    assert said["timestamp"].endswith("Z")
    assert before.replace(microsecond=0) <= datetime.fromisoformat(said["timestamp"]) <= after


def test_an_explanation_adds_up_to_the_prediction(serving: Serving) -> None:
    said = ok(serving.hurried.post(f"{PREDICT}?explain=true", json=ASKED))

    told = said.pop("explanation")
    assert set(said) == SAID
    assert set(told) == {"base_value", "shap_values", "top_features", "output"}
    assert (told["output"], len(told["shap_values"])) == ("margin", 10)
    margin = told["base_value"] + sum(told["shap_values"])
    assert 1 / (1 + math.exp(-margin)) == pytest.approx(said["probability"], abs=1e-9)
    by_feature = dict(zip(EXAMPLE, told["shap_values"], strict=True))
    assert told["top_features"] == [
        {"feature": name, "importance": abs(amount), "value": EXAMPLE[name]}
        for name, amount in sorted(by_feature.items(), key=lambda each: -abs(each[1]))
    ]
    assert {"contract", "tenure"} < {each["feature"] for each in told["top_features"][:3]}


def test_explain_false_is_the_default(serving: Serving) -> None:
    assert set(ok(serving.hurried.post(f"{PREDICT}?explain=false", json=ASKED))) == SAID


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        ("1.2.0", "1.2.0"),
        ("1.3.0", "1.3.0"),
        ("production", "1.2.0"),
        ("staging", "1.3.0"),
        ("latest", "1.3.0"),
        ("@champion", "1.2.0"),
        ("2", "1.3.0"),
    ],
)
def test_version_names_which_one_answers(serving: Serving, asked: str, answers: str) -> None:
    said = ok(serving.hurried.post(PREDICT, params={"version": asked}, json=ASKED))

    expected = {"1.2.0": 0.235, "1.3.0": 0.179}[answers]
    assert said["model_version"] == answers
    assert said["probability"] == pytest.approx(expected, abs=1e-3)


def test_three_features_are_enough(serving: Serving) -> None:
    """The document's curl: what it leaves out has defaults."""
    said = curl(serving, CURL_PREDICTION)

    assert set(said) == SAID
    assert (said["prediction"], said["model_version"]) == (0, "1.2.0")
    assert said["probability"] == pytest.approx(0.235, abs=1e-3)


def test_the_documents_test_passes(serving: Serving) -> None:
    features = {"tenure": 12, "monthly_charges": 65.0, "contract": "Month-to-month"}
    response = serving.hurried.post(PREDICT, json={"features": features})

    assert response.status == 200
    assert "prediction" in response.json()
    assert "probability" in response.json()


# ---------------------------------------------------------------- many


def test_a_batch_is_answered_in_the_documents_shape(serving: Serving) -> None:
    other = {"tenure": 2, "monthly_charges": 95.5, "internet_service": "Fiber optic"}
    rows = [
        {"customer_id": "CUST001", "features": EXAMPLE},
        {"customer_id": "CUST002", "features": other},
    ]
    said = ok(serving.hurried.post("/predict/batch/churn-predictor", json={"predictions": rows}))

    answers = said.pop("predictions")
    assert set(said) == {
        "batch_id", "processed_count", "failed_count", "model_version", "processing_time_ms",
    }  # fmt: skip
    assert (said["processed_count"], said["failed_count"]) == (2, 0)
    assert said["model_version"] == "1.2.0"
    assert said["batch_id"].startswith("batch_")
    assert said["processing_time_ms"] > 0
    assert [set(each) for each in answers] == [
        {"customer_id", "prediction", "probability", "prediction_id"}
    ] * 2
    assert [(each["customer_id"], each["prediction"]) for each in answers] == [
        ("CUST001", 0),
        ("CUST002", 1),
    ]
    assert len({each["prediction_id"] for each in answers}) == 2


def test_a_wrong_row_of_a_batch_costs_the_others_nothing(serving: Serving) -> None:
    rows = [
        {"customer_id": "CUST001", "features": EXAMPLE},
        {"customer_id": "CUST002", "features": {"tenure": "long"}},
        {"customer_id": "CUST003", "features": EXAMPLE},
    ]
    said = ok(serving.hurried.post("/predict/batch/churn-predictor", json={"predictions": rows}))

    wrong = said["predictions"][1]
    assert [row.get("prediction") for row in said["predictions"]] == [0, None, 0]
    assert (said["processed_count"], said["failed_count"]) == (2, 1)
    assert (wrong["customer_id"], wrong["index"]) == ("CUST002", 1)
    assert "tenure must be an integer" in json.dumps(wrong["error"])


def test_a_thousand_rows_are_a_batch_and_one_more_is_not(serving: Serving) -> None:
    rows = [{"customer_id": f"C{n}", "features": {"tenure": n % 100}} for n in range(1001)]
    path = "/predict/batch/churn-predictor"

    most = ok(serving.hurried.post(path, json={"predictions": rows[:1000]}))
    more = serving.hurried.post(path, json={"predictions": rows})

    assert (most["processed_count"], len(most["predictions"])) == (1000, 1000)
    assert (more.status, more.json()["invalid_fields"]) == (422, ["predictions"])


# ---------------------------------------------------------------- later


def test_a_prediction_can_be_asked_for_and_fetched_later(serving: Serving) -> None:
    sent = serving.hurried.post("/predict/async/churn-predictor", json=ASKED)
    task = sent.json()
    assert (sent.status, task["status"]) == (202, "queued")

    def fetch() -> Answer:
        return serving.hurried.get(f"/predict/async/{task['task_id']}/result")

    early = fetch()
    answer = until(fetch, lambda found: found.status != 202)

    assert early.status in (200, 202)
    if early.status == 202:
        assert early.json()["task_id"] == task["task_id"]
        assert early.json()["status"] in ("queued", "running")
    said = ok(answer)
    assert set(said) == SAID
    assert said["probability"] == pytest.approx(0.235, abs=1e-3)
    assert ok(fetch()) == said


def test_a_row_that_does_not_fit_is_refused_before_it_is_queued(serving: Serving) -> None:
    body = {"features": {"monthly_charges": -1}}

    refused = serving.hurried.post("/predict/async/churn-predictor", json=body)

    assert (refused.status, refused.json()["invalid_fields"]) == (422, ["monthly_charges"])


def test_a_task_that_is_none_is_not_found(serving: Serving) -> None:
    strange = f"job_{'0' * 32}"

    assert serving.hurried.get(f"/predict/async/{strange}/result").status == 404
    assert serving.hurried.get("/predict/async/nothing/result").status == 404


# ---------------------------------------------------------------- the registry


def test_models_are_listed_in_the_documents_shape(serving: Serving) -> None:
    said = curl(serving, CURL_MODELS)

    assert set(said) == {"models"}
    (model,) = [each for each in said["models"] if each["name"] == "churn-predictor"]
    assert set(model) == {"name", "versions"}
    versions = {each["version"]: each for each in model["versions"]}
    assert {label: each["stage"] for label, each in versions.items()} == {
        "1.2.0": "Production",
        "1.3.0": "Staging",
    }
    for label, each in versions.items():
        assert set(each) == {"version", "stage", "created_at", "metrics"}
        assert each["metrics"] == read_written(label)["metrics"]
        assert set(each["metrics"]) == {"accuracy", "precision", "recall"}


def test_a_model_says_what_it_takes_and_how_often_it_was_asked(serving: Serving) -> None:
    before = ok(serving.hurried.get("/models/churn-predictor"))
    ok(serving.hurried.post(PREDICT, json=ASKED))
    after = until(
        lambda: ok(serving.hurried.get("/models/churn-predictor")),
        lambda found: found["total_predictions"] > before["total_predictions"],
    )

    assert {
        "name", "description", "current_version", "feature_schema", "created_at", "last_prediction",
        "total_predictions",
    } <= set(after)  # fmt: skip
    assert after["description"] == "Customer churn prediction model"
    assert after["current_version"] == "1.2.0"
    assert list(after["feature_schema"].items()) == list(SCHEMA.items())
    assert after["last_prediction"] > after["created_at"]


def test_health_is_the_documents_too(serving: Serving) -> None:
    said = curl(serving, CURL_HEALTH)

    assert said["status"] == "healthy"
    assert {"timestamp", "version", "uptime_seconds", "dependencies"} <= set(said)


def test_metrics_carry_the_documents_names(serving: Serving) -> None:
    ok(serving.hurried.post(PREDICT, json=ASKED))
    line = re.compile(
        r"^(prediction_requests_total|prediction_latency_seconds_count)\{"
        r'(?=[^}]*model="churn-predictor")(?=[^}]*version="1\.2\.0")[^}]*\} [1-9]',
        re.MULTILINE,
    )

    text = until(
        lambda: serving.hurried.get("/metrics").text, lambda found: "prediction_requests" in found
    )

    assert sorted(line.findall(text)) == [
        "prediction_latency_seconds_count",
        "prediction_requests_total",
    ]
    assert "# TYPE prediction_latency_seconds histogram" in text


# ---------------------------------------------------------------- refusals and limits


def test_a_value_out_of_bounds_names_its_field(serving: Serving) -> None:
    answer = serving.hurried.post(PREDICT, json={"features": {**EXAMPLE, "monthly_charges": -1}})

    said = answer.json()
    assert answer.status == 422
    assert set(said) == {
        "error", "message", "details", "invalid_fields", "timestamp", "path", "request_id",
    }  # fmt: skip
    assert (said["error"], said["message"]) == (
        "validation_error",
        "monthly_charges must be positive",
    )
    assert said["details"] == [
        {"field": "monthly_charges", "message": "must be positive", "type": "min_value"}
    ]
    assert said["invalid_fields"] == ["monthly_charges"]
    assert said["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("features", "wrong"),
    [
        ({"contract": "Three years"}, "contract"),
        ({"tenure": 12.5}, "tenure"),
        ({"tenure": 101}, "tenure"),
        ({"tenure": None}, "tenure"),
        ({"phone_service": "yes"}, "phone_service"),
        ({"shoe_size": 44}, "shoe_size"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(
    serving: Serving, features: dict[str, Any], wrong: str
) -> None:
    answer = serving.hurried.post(PREDICT, json={"features": {**EXAMPLE, **features}})

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [wrong])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/predict/no-such-model", "model_not_found"),
        ("/predict/..%2fchurn-predictor", "model_not_found"),
        ("/predict/churn-predictor?version=9.9.9", "version_not_found"),
    ],
)
def test_what_is_not_there_is_not_found(serving: Serving, path: str, code: str) -> None:
    answer = serving.hurried.post(path, json=ASKED)

    assert answer.status == 404
    if "%2f" not in path:
        assert answer.json()["error"] == code


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ('{"features": {"tenure": NaN}}', 400),
        ('{"features": {"monthly_charges": 1e999}}', 400),
        ('{"features": {"tenure": 9223372036854775808}}', 400),
        ('{"features": {"tenure": 1, "tenure": 2}}', 400),
        ("[]", 422),
        ("{}", 422),
        ('{"features": []}', 422),
        ('{"features": {}, "instances": []}', 422),
    ],
)
def test_a_body_that_is_none_is_refused(serving: Serving, body: str, status: int) -> None:
    headers = {"Content-Type": "application/json"}

    answer = serving.hurried.post(PREDICT, data=body, headers=headers)

    assert answer.status == status
    assert {"error", "message", "request_id"} <= set(answer.json())


def test_a_key_that_is_none_is_refused(serving: Serving) -> None:
    nobody = serving.server.as_key("ltb_wrong")

    assert [
        serving.server.anonymous.post(PREDICT, json=ASKED).status,
        nobody.post(PREDICT, json=ASKED).status,
    ] == [401, 401]


def test_a_viewer_reads_and_does_not_predict(serving: Serving) -> None:
    viewer = serving.key(role="viewer")

    assert viewer.get("/models/churn-predictor").status == 200
    assert viewer.post(PREDICT, json=ASKED).status == 403


def test_a_key_bound_to_other_models_sees_none_here(serving: Serving) -> None:
    bound = serving.key(models=["another"])

    refused = bound.post(PREDICT, json=ASKED)

    assert (refused.status, refused.json()["error"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("method", "path", "body", "limit"),
    [
        ("POST", PREDICT, ASKED, 100),
        (
            "POST",
            "/predict/batch/churn-predictor",
            {"predictions": [{"customer_id": "CUST001", "features": EXAMPLE}]},
            10,
        ),
        ("GET", "/models", None, 20),
    ],
)
def test_limits_are_the_documents(
    serving: Serving, method: str, path: str, body: Any, limit: int
) -> None:
    client = serving.key()

    first, second = (client.request(method, path, json=body) for _ in range(2))

    assert (first.status, second.status) == (200, 200)
    assert first.headers["X-RateLimit-Limit"] == str(limit)
    assert first.headers["X-RateLimit-Remaining"] == str(limit - 1)
    assert second.headers["X-RateLimit-Remaining"] == str(limit - 2)
    assert 0 < int(first.headers["X-RateLimit-Reset"]) - time.time() <= 62


def test_the_eleventh_batch_of_a_minute_waits(serving: Serving) -> None:
    client = serving.key()
    body = {"predictions": [{"customer_id": "CUST001", "features": EXAMPLE}]}

    answers = [client.post("/predict/batch/churn-predictor", json=body) for _ in range(11)]

    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 61
    assert client.post(PREDICT, json=ASKED).status == 200


# ---------------------------------------------------------------- while things move


def test_a_promotion_under_load_shows_each_caller_one_whole_version(serving: Serving) -> None:
    """Callers ask all the time while production moves to and fro; nobody sees one version's name on another's answer."""
    labels = ("1.3.0", "1.2.0", "1.3.0", "1.2.0")
    try:
        seen = run(_asked_while_promoting(serving.hurried, labels))
    finally:
        set_stages(serving.hurried)

    assert {status for status, _, _ in seen} == {200}
    assert {(label, round(probability, 3)) for _, label, probability in seen} == {
        ("1.2.0", 0.235),
        ("1.3.0", 0.179),
    }


async def _asked_while_promoting(
    client: Client, labels: tuple[str, ...]
) -> list[tuple[int, str, float]]:
    seen: list[tuple[int, str, float]] = []
    is_over = asyncio.Event()
    async with client.session() as session:

        async def ask() -> None:
            while not is_over.is_set():
                async with session.post(PREDICT, json=ASKED) as answer:
                    said = await answer.json()
                    row = (answer.status, said.get("model_version"), said.get("probability"))
                    seen.append(row)

        async def promote() -> None:
            for label in labels:
                await asyncio.sleep(0.3)
                path = f"/api/v1/models/churn-predictor/versions/{label}/stage"
                async with session.post(path, json={"stage": "Production"}) as answer:
                    assert answer.status == 200, await answer.text()
            await asyncio.sleep(0.3)
            is_over.set()

        await asyncio.gather(promote(), *(ask() for _ in range(20)))
    return seen


def test_an_idempotency_key_stands_for_one_prediction(serving: Serving) -> None:
    headers = {"Idempotency-Key": "serving-once"}

    first, second = (
        ok(serving.hurried.post(PREDICT, json=ASKED, headers=headers)) for _ in range(2)
    )
    other = serving.hurried.post(PREDICT, json={"features": {"tenure": 1}}, headers=headers)

    assert (first, other.status) == (second, 409)
