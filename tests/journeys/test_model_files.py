"""Files around models on a real server and worker: scored through a kill, opened later, loaded on command, kept in S3."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any

import aiohttp
import psutil
import pytest

from tests.fakes.s3 import S3Server, s3_server
from tests.rig.http import Answer, Client
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

pytestmark = pytest.mark.journey
CARD = {
    "type": "logistic",
    "intercept": -1.0,
    "terms": [{"feature": "tenure", "coefficient": 0.1}],
}
MEGABYTE = 1024 * 1024


@pytest.fixture
def store() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def place(site: Site, store: S3Server) -> Site:
    """A site whose files lie in S3, with a worker beside its server."""
    site.env |= {
        "SIGNALBOX_EMBEDDED_WORKER": "true",
        "SIGNALBOX_S3_BUCKET": store.place.bucket,
        "SIGNALBOX_S3_URL": store.place.url,
        "SIGNALBOX_S3_ACCESS_KEY": store.place.access_key,
        "SIGNALBOX_S3_SECRET_KEY": store.place.secret_key,
        "SIGNALBOX_S3_PREFIX": store.place.prefix,
    }
    return site


def start(site: Site) -> tuple[ServerProcess, Client]:
    server = site.start()
    client = server.as_key(site.mint_key("admin", "--limit", "all=100000/s"))
    client.post("/api/v1/models", json={"name": "m"})
    return server, client


def send(client: Client, path: str, content: bytes, **words: str) -> Answer:
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(content), filename="file.bin")
    for name, said in words.items():
        form.add_field(name, said)
    return client.post(path, data=form)


def publish(client: Client) -> None:
    made = send(client, "/api/v1/models/m/versions", json.dumps(CARD).encode())
    assert made.status == 201, made.text
    client.post("/api/v1/models/m/versions/1/stage", json={"stage": "Production"})


def trees() -> bytes:
    """XGBoost's own JSON."""
    np, xgboost = pytest.importorskip("numpy"), pytest.importorskip("xgboost")
    rows = np.arange(20.0).reshape(10, 2)
    terms = {"objective": "reg:squarederror", "max_depth": 2, "verbosity": 0, "nthread": 1}
    booster = xgboost.train(terms, xgboost.DMatrix(rows, label=rows[:, 0]), 2)
    return bytes(booster.save_raw("json"))


def wait_for(client: Client, job: str, seconds: float = 90) -> dict[str, Any]:
    until = monotonic() + seconds
    while True:
        found: dict[str, Any] = client.get(f"/api/v1/jobs/{job}").json()
        if found["status"] in ("completed", "failed", "cancelled"):
            return found
        assert monotonic() < until, found
        sleep(0.2)


def worker_of(server: ServerProcess) -> psutil.Process:
    (worker,) = [
        each
        for each in psutil.Process(server.pid).children(recursive=True)
        if "worker" in each.cmdline() and "manage.py" in " ".join(each.cmdline())
    ]
    return worker


def test_a_file_is_scored_through_a_kill_in_memory_that_stays_flat(
    place: Site, store: S3Server
) -> None:
    server, client = start(place)
    publish(client)
    count = 100_000
    rows = "".join(f"C{number},{number % 50}\n" for number in range(count))
    answer = send(client, "/api/v1/models/m/batch", f"customer_id,tenure\n{rows}".encode())
    assert answer.status == 202, answer.text
    job = answer.json()["job_id"]

    while client.get(f"/api/v1/jobs/{job}").json()["progress"] < 5:
        sleep(0.05)
    before = worker_of(server)
    os.kill(before.pid, signal.SIGKILL)
    ended = wait_for(client, job)

    assert (ended["status"], ended["attempts"]) == ("completed", 2)
    assert {name: ended["result"][name] for name in ("rows", "failed", "model_version")} == {
        "rows": count,
        "failed": 0,
        "model_version": "1",
    }
    got = list(csv.DictReader(io.StringIO(client.get(answer.json()["links"]["result"]).text)))
    assert [row["customer_id"] for row in got] == [f"C{number}" for number in range(count)]
    assert [row["prediction"] for row in got[:12]] == ["0"] * 10 + ["1"] * 2
    assert worker_of(server).memory_info().rss < 400 * MEGABYTE
    beginnings = [store.content(key)[:15] for key in store.keys()]  # noqa: SIM118 - no dictionary
    assert beginnings.count(b"row,customer_id") == 1  # the killed one's is not among them


def test_a_large_file_is_opened_by_the_worker(place: Site, store: S3Server) -> None:
    _, client = start(place)
    space = b" " * (101 * MEGABYTE)

    answer = send(client, "/api/v1/models/m/versions", trees() + space)
    early = client.post("/api/v1/models/m/versions/1/stage", json={"stage": "Production"})
    ready = wait_for(client, answer.json()["job_id"])
    moved = client.post("/api/v1/models/m/versions/1/stage", json={"stage": "Production"})
    answer_2 = send(client, "/api/v1/models/m/versions", json.dumps(CARD).encode() + space)
    refused = wait_for(client, answer_2.json()["job_id"])

    assert (answer.status, answer.json()["status"]) == (202, "checking")
    assert (early.status, early.json()["error"]) == (409, "version_not_ready")
    assert ready["result"] == {"version": "1", "status": "ready", "refusal": None}
    assert (moved.status, moved.json()["task"]) == (200, "regression")
    assert refused["result"]["refusal"] == {
        "code": "broken_artifact",
        "message": "The file is a scorecard of more than 64 MiB.",
    }


def test_models_are_loaded_on_command(place: Site) -> None:
    _, client = start(place)
    publish(client)

    said = place.manage("warm_models", "--models", "m", "--organization", place.organization)
    missing = place.try_manage("warm_models", "--models", "x", "--organization", place.organization)

    assert said == "m 1: loaded by a server process\n"
    assert (missing.returncode, missing.stderr) == (1, "CommandError: There is no model x.\n")


def test_a_store_that_is_away_is_seen(place: Site, store: S3Server) -> None:
    server, client = start(place)
    well = client.get("/api/v1/health/detailed").json()["dependencies"]["files"]
    place.env["SIGNALBOX_S3_BUCKET"] = "nowhere"
    server.terminate()
    _, client = start(place)

    refused = send(client, "/api/v1/models/m/versions", json.dumps(CARD).encode())
    seen = client.get("/api/v1/health/detailed").json()["dependencies"]["files"]

    assert (well["status"], well["detail"]) == ("connected", "s3")
    assert (seen["status"], seen["detail"]) == (
        "disconnected", "The bucket for files does not exist.",
    )  # fmt: skip
    assert (refused.status, refused.json()["error"]) == (503, "storage_unavailable")
    assert client.get("/health/ready").status == 200
