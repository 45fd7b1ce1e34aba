"""The real `mlflow` package, pointed at us. Run where `TEST_MLFLOW_PYTHON` names an interpreter that has it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from sys import executable
from time import monotonic, sleep
from typing import Any
from urllib.request import urlopen

import pytest

from tests.rig.servers import ServerProcess
from tests.rig.site import Site

PYTHON = os.environ.get("TEST_MLFLOW_PYTHON") or (executable if find_spec("mlflow") else "")
SCRIPTS = Path(__file__).parent / "mlflow"
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(not PYTHON, reason="TEST_MLFLOW_PYTHON names no interpreter with mlflow"),
]


def run(script: str, *arguments: str) -> Any:
    """What the script prints last."""
    done = subprocess.run(
        [PYTHON, str(SCRIPTS / script), *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=ENVIRONMENT,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture
def key(site: Site) -> str:
    return site.mint_key("admin", "--limit", "models=1000/m", "--limit", "default=1000/m")


def test_load_model_loads_from_us(server: ServerProcess, key: str) -> None:
    found = run("load.py", server.url, key)

    assert {name: each.get("error") for name, each in found.items()} == dict.fromkeys(found)
    for name, each in found.items():
        assert each["found"] == pytest.approx(each["expected"], abs=1e-4), name
    assert set(found) == {
        "onnx",
        "xgboost-json",
        "xgboost-ubj",
        "lightgbm",
        "skops",
        "scorecard",
    }


def test_the_client_s_calls_are_answered(server: ServerProcess, key: str) -> None:
    assert run("registry.py", server.url, key) == {
        "again": "RESOURCE_ALREADY_EXISTS",
        "missing": "RESOURCE_DOES_NOT_EXIST",
        "version": [
            "churn",
            "1",
            "Staging",
            "r1",
            "First",
            "READY",
            ["champion"],
            {"seen": "yes", "signalbox.version": "1"},
        ],
        "copy": ["copy", "1"],
        "latest": ["1"],
        "models": ["churn", "copy"],
        "versions": ["1"],
        "files": [
            "MLmodel",
            "conda.yaml",
            "model.ubj",
            "python_env.yaml",
            "registered_model_meta",
            "requirements.txt",
        ],
        "source": "INVALID_PARAMETER_VALUE",
        "staged": "RESOURCE_DOES_NOT_EXIST",
        "left": ["churn"],
    }


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real MLflow server; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--serve-artifacts"]
    words += ["--artifacts-destination", str(tmp_path / "artifacts")]
    with (tmp_path / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            [PYTHON, "-m", "mlflow", *words],
            stdout=log,
            stderr=log,
            env=ENVIRONMENT | {"PATH": f"{Path(PYTHON).parent}:{os.environ['PATH']}"},
            start_new_session=True,
        )
        try:
            _wait(f"{url}/health", 120)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def _wait(url: str, seconds: float) -> None:
    ends = monotonic() + seconds
    while True:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - a server of this test's own
                return
        except OSError:
            assert monotonic() < ends, f"{url} did not answer"
            sleep(0.5)


def test_a_real_registry_is_followed(registry: str, site: Site) -> None:
    run("train.py", registry)
    server = site.start(env={"SIGNALBOX_ALLOWED_PRIVATE_HOSTS": registry.removeprefix("http://")})
    follows = [
        {"model": name, "alias": "champion"} for name in ("skops", "pickled", "xgboost", "lightgbm")
    ]
    follows += [
        {"model": "Churn", "alias": "champion", "as": "churn"},
        {"model": "Churn", "stage": "Production", "as": "churn"},
    ]
    client = server.client
    source = client.post(
        "/api/v1/mlflow-sources", json={"name": "lab", "url": registry, "follows": follows}
    ).json()
    assert client.post(f"/api/v1/mlflow-sources/{source['id']}/sync").status == 202

    ends = monotonic() + 120
    while (found := client.get(f"/api/v1/mlflow-sources/{source['id']}").json())[
        "synced_at"
    ] is None:
        assert monotonic() < ends, "it was not followed in time"
        sleep(0.5)

    assert found["sync_error"] == ""
    assert [(each["place"], each["state"], each["version"]) for each in found["outcomes"]] == [
        ("skops@champion", "moved", "mlflow-1"),
        ("pickled@champion", "failed", ""),
        ("xgboost@champion", "moved", "mlflow-1"),
        ("lightgbm@champion", "moved", "mlflow-1"),
        ("churn@champion", "moved", "mlflow-1"),
        ("churn Production", "moved", "mlflow-1"),
    ]
    assert "serialization_format='skops'" in found["outcomes"][1]["message"]
    version = client.get("/api/v1/models/churn/versions/@champion").json()
    assert (version["format"], version["stage"], list(version["feature_schema"])) == (
        "onnx",
        "Production",
        ["tenure", "charges"],
    )
