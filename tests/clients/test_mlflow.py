"""The real `mlflow` package, pointed at us. Run where `TEST_MLFLOW_PYTHON` names an interpreter that has it."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from sys import executable
from typing import Any

import pytest

from tests.rig.servers import ServerProcess
from tests.rig.site import Site

PYTHON = os.environ.get("TEST_MLFLOW_PYTHON") or (executable if find_spec("mlflow") else "")
SCRIPTS = Path(__file__).parent / "mlflow"
pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(not PYTHON, reason="TEST_MLFLOW_PYTHON names no interpreter with mlflow"),
]


def run(script: str, server: ServerProcess, key: str, *more: str) -> Any:
    """What the script prints last."""
    done = subprocess.run(
        [PYTHON, str(SCRIPTS / script), server.url, key, *more],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture
def key(site: Site) -> str:
    return site.mint_key("admin", "--limit", "models=1000/m", "--limit", "default=1000/m")


def test_load_model_loads_from_us(server: ServerProcess, key: str) -> None:
    found = run("load.py", server, key)

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
