"""Predictions while processes come, go and are killed, bytes rot, and production moves: on sites of their own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from config.churn.customers import EXAMPLE, make_customers
from tests.journeys.conftest import publish_churn
from tests.rig.http import Client
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = [pytest.mark.journey, pytest.mark.no_jobs]
PREDICT = "/predict/churn-predictor"
ASKED = {"features": EXAMPLE, "customer_id": "CUST12345"}
HEARD_WITHIN = 1.5  # the promise is a second; the rest is for a loaded machine
COUNTED_WITHIN = 20.0


@pytest.fixture
def key(site: Site) -> str:
    return site.mint_key("admin", "--limit", "all=100000/s")


def said(client: Client, **more: Any) -> Any:
    answer = client.post(PREDICT, json=ASKED, **more)
    assert answer.status == 200, answer.text
    return answer.json()


def promote(client: Client, label: str) -> None:
    path = f"/api/v1/models/churn-predictor/versions/{label}/stage"
    assert client.post(path, json={"stage": "Production"}).status == 200


def until_total(client: Client, total: int) -> Any:
    deadline = time.monotonic() + COUNTED_WITHIN
    while True:
        found = client.get("/models/churn-predictor").json()
        if found["total_predictions"] >= total:
            return found
        assert time.monotonic() < deadline, f"{found['total_predictions']} of {total}"
        time.sleep(0.1)


def test_a_promotion_is_heard_in_every_process(site: Site, key: str) -> None:
    here, there = (site.start().as_key(key) for _ in range(2))
    publish_churn(here)
    assert [said(client)["model_version"] for client in (here, there)] == ["1.2.0", "1.2.0"]

    promote(here, "1.3.0")
    began = time.monotonic()
    at_once = said(here)["model_version"]
    while said(there)["model_version"] == "1.2.0":
        assert time.monotonic() - began < 10
        time.sleep(0.02)
    heard = time.monotonic() - began

    assert at_once == "1.3.0"
    assert heard < HEARD_WITHIN


def test_a_version_that_was_never_loaded_answers_as_soon_as_it_is_there(
    site: Site, key: str
) -> None:
    client = site.start().as_key(key)
    before = client.post(PREDICT, json=ASKED)
    publish_churn(client)

    assert (before.status, before.json()["error"]) == (404, "model_not_found")
    assert said(client)["model_version"] == "1.2.0"
    assert said(client, params={"version": "1.3.0"})["model_version"] == "1.3.0"


def test_what_was_predicted_is_counted_once_though_the_server_is_killed(
    site: Site, key: str
) -> None:
    server = site.start()
    client = server.as_key(key)
    publish_churn(client)
    predicted = [said(client)["prediction_id"] for _ in range(30)]
    server.kill()

    client = site.start().as_key(key)
    again = said(client)["prediction_id"]
    found = until_total(client, 31)
    time.sleep(0.5)  # what is counted twice is counted late

    rows = client.get("/api/v1/models/churn-predictor/predictions?limit=100").json()["data"]
    assert client.get("/models/churn-predictor").json()["total_predictions"] == 31
    assert found["last_prediction"] is not None
    assert sorted(row["id"] for row in rows) == sorted([*predicted, again])


def test_outcomes_make_accuracy(site: Site, key: str) -> None:
    """Customers whose end is known are predicted, and what became of them is told: the share that was right."""
    client = site.start().as_key(key)
    publish_churn(client)
    customers = make_customers(200, 11)
    rows = [
        {"customer_id": str(n), "features": dict(each.features)} for n, each in enumerate(customers)
    ]
    batch = client.post("/predict/batch/churn-predictor", json={"predictions": rows}).json()
    outcomes = [
        {"prediction_id": row["prediction_id"], "actual": int(each.has_left)}
        for row, each in zip(batch["predictions"], customers, strict=True)
    ]
    right = sum(
        row["prediction"] == each.has_left
        for row, each in zip(batch["predictions"], customers, strict=True)
    )
    until_total(client, 200)

    taken = client.post("/api/v1/predictions/outcomes", json={"outcomes": outcomes})
    points = client.get("/api/v1/models/churn-predictor/accuracy").json()["points"]

    assert (taken.status, taken.json()["accepted"]) == (200, 200)
    assert [point["version"] for point in points] == ["1.2.0"]
    assert points[0]["accuracy"] == pytest.approx(right / 200, abs=1e-9)
    assert 0.75 < right / 200 < 0.95


def test_one_flipped_bit_of_a_model_is_noticed_when_it_is_loaded(site: Site, key: str) -> None:
    server = site.start()
    client = server.as_key(key)
    publish_churn(client)
    digest = client.get("/api/v1/models/churn-predictor/versions/1.2.0").json()["digest"]
    _flip(site, digest)

    answer = client.post(PREDICT, json=ASKED)
    other = said(client, params={"version": "1.3.0"})

    assert (answer.status, answer.json()["error"]) == (503, "artifact_changed")
    assert other["model_version"] == "1.3.0"


def _flip(site: Site, digest: str) -> None:
    (path,) = [path for path in Path(site.data_dir).rglob(f"*{digest}*") if path.is_file()]
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_worker_and_server_answer_alike(server_with_jobs: ServerProcess, key: str) -> None:
    """Asked now, for later, and by a batch: one model, one answer."""
    client = server_with_jobs.as_key(key)
    publish_churn(client)
    task = client.post("/predict/async/churn-predictor?explain=true", json=ASKED).json()
    now = said(client, params={"explain": "true"})
    rows = {"predictions": [ASKED]}
    (row,) = client.post("/predict/batch/churn-predictor", json=rows).json()["predictions"]
    deadline = time.monotonic() + COUNTED_WITHIN
    while (later := client.get(f"/predict/async/{task['task_id']}/result")).status == 202:
        assert time.monotonic() < deadline
        time.sleep(0.1)

    own = ("prediction_id", "timestamp")
    assert {k: v for k, v in later.json().items() if k not in own} == {
        k: v for k, v in now.items() if k not in own
    }
    assert (row["prediction"], row["probability"]) == (now["prediction"], now["probability"])


@pytest.fixture
def server_with_jobs(site: Site) -> ServerProcess:
    return site.start(env={"SIGNALBOX_EMBEDDED_WORKER": "true"})
