"""Models of the real libraries, trained once for all tests of a session."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from apps.models.adapters.trial.supervisor import ENVIRONMENT
from tests.rig.environment import ROOT


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """By name: what the library says, what our runtimes say. `folder` is where the files are."""
    for library in ("sklearn", "xgboost", "lightgbm"):
        if find_spec(library) is None:
            pytest.skip("requirements/ml.txt")
    folder = tmp_path_factory.mktemp("trained")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.factories.trained", str(folder)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return {**made, "folder": folder}


@pytest.fixture
def folder(trained: dict[str, Any]) -> Path:
    found: Path = trained["folder"]
    return found
