"""The child that opens artefacts: what it answers, what it may not do, and every way it can end."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from apps.core.errors import TimedOut, Unavailable
from apps.models.adapters.trial import supervisor
from apps.models.adapters.trial.supervisor import try_artifact
from apps.models.errors import BrokenArtifact, RefusedArtifact, UnsafeArtifact
from tests.factories import artifacts as made
from tests.factories.models import card
from tests.rig.environment import ROOT

pytestmark = pytest.mark.integration
needs_ml = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="requirements/ml.txt")
PRELUDE = """
import os, sys
from apps.models.adapters.trial import child
child.limit(5, 2048)
child.watch()
try:
    %s
except BaseException as error:
    print(type(error).__name__)
else:
    print("done")
"""


def kept(content: bytes, folder: Path) -> Any:
    path = folder / "artefact"
    path.write_bytes(content)
    return path.open("rb")


def test_a_scorecard_is_described(tmp_path: Path) -> None:
    with kept(card(), tmp_path) as file:
        found = try_artifact(file)

    assert (found.format, found.in_process, list(found.schema or {})) == (
        "scorecard",
        True,
        ["tenure", "contract"],
    )


def test_bytes_that_lie_on_no_disk_are_opened_too() -> None:
    assert try_artifact(BytesIO(card())).format == "scorecard"


def test_a_refusal_comes_back_as_it_was(tmp_path: Path) -> None:
    with kept(b"\x80\x04.", tmp_path) as file, pytest.raises(UnsafeArtifact) as refused:
        try_artifact(file)

    assert refused.value.found == "is a pickle"


def test_a_child_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with kept(card(), tmp_path) as file, pytest.raises(TimedOut) as refused:
        try_artifact(file, seconds=0.01)

    assert refused.value.code == "trial_timeout"


@pytest.mark.parametrize(
    ("end", "found"),
    [
        ("kill -9 $$", "ended the process that opened it (signal 9)"),
        ("exit 3", "could not be opened: its reader failed"),
    ],
)
def test_a_child_that_dies_is_a_refusal(
    end: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path, end, monkeypatch)

    with kept(card(), tmp_path) as file, pytest.raises(BrokenArtifact) as refused:
        try_artifact(file)

    assert refused.value.found == found


def pretend(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell's script in Python's place."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(supervisor.sys, "executable", str(program))


def test_a_child_that_does_not_stop_talking_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path, "exec yes", monkeypatch)
    began = time.monotonic()

    with kept(card(), tmp_path) as file, pytest.raises(BrokenArtifact) as refused:
        try_artifact(file, seconds=60)

    assert refused.value.found == "could not be opened: its reader does not stop talking"
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("end", ["wait", "exit 0"])
def test_whatever_a_child_started_ends_with_it(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "pid"
    pretend(tmp_path, f"sleep 300 &\necho $! > {note}\n{end}", monkeypatch)

    with kept(card(), tmp_path) as file, pytest.raises(TimedOut):
        try_artifact(file, seconds=2)

    stat = Path(f"/proc/{note.read_text().strip()}/stat")
    deadline = time.monotonic() + 10
    while is_running(stat) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(stat)


def is_running(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_few_files_are_opened_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = threading.BoundedSemaphore(1)
    monkeypatch.setattr(supervisor, "ROOMS", rooms)
    monkeypatch.setattr(supervisor, "WAIT_SECONDS", 0.01)

    with kept(card(), tmp_path) as file:
        with rooms, pytest.raises(Unavailable) as refused:
            try_artifact(file)
        with pytest.raises(TimedOut):
            try_artifact(file, seconds=0.01)
        found = try_artifact(file)

    assert (refused.value.code, found.format) == ("overloaded", "scorecard")


@pytest.mark.parametrize(
    ("deed", "outcome"),
    [
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "Forbidden"),
        ("os.system('true')", "Forbidden"),
        ("import subprocess; subprocess.run(['true'])", "Forbidden"),
        ("os.fork()", "Forbidden"),
        ("open('/tmp/x', 'w')", "Forbidden"),
        ("os.open('/tmp/x', os.O_WRONLY | os.O_CREAT)", "Forbidden"),
        ("os.remove('/nonexistent')", "Forbidden"),
        ("import pickle; pickle.loads(b'cos\\nsystem\\n.')", "Forbidden"),
        ("bytearray(4 * 1024**3)", "MemoryError"),
        ("open('/proc/self/status').read()", "done"),
    ],
)
def test_the_child_may_do_little(deed: str, outcome: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE % deed],
        cwd=ROOT,
        env=supervisor.ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert done.stdout.strip() == outcome, done.stderr


def test_the_child_has_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "ours")

    assert "ours" not in supervisor.ENVIRONMENT.values()


def test_the_child_knows_no_django() -> None:
    code = "import sys, apps.models.adapters.trial.child, apps.models.adapters.trial.runtimes, apps.models.domain.formats.reading; print('django' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"


@needs_ml
def test_an_onnx_graph_is_run_once(tmp_path: Path) -> None:
    with kept(made.onnx(), tmp_path) as file:
        found = try_artifact(file)

    assert (found.format, found.in_process, found.details["operators"]) == (
        "onnx",
        True,
        ["Sigmoid"],
    )


@needs_ml
@pytest.mark.parametrize(
    "content",
    [
        made.onnx(made.node("Sigmoid", inputs=("nowhere",))),
        made.onnx(made.node("MatMul", inputs=("x", "x"))),
        made.LIGHTGBM,
        made.ubjson(made.XGBOOST),
        json.dumps(made.XGBOOST).encode(),
        made.skops(made.skops_node("sklearn.linear_model._logistic.LogisticRegression")),
    ],
    ids=["onnx, no input", "onnx, wrong sizes", "lightgbm", "ubjson", "json", "skops"],
)
def test_what_reads_well_and_does_not_run_is_refused(content: bytes, tmp_path: Path) -> None:
    with kept(content, tmp_path) as file, pytest.raises(RefusedArtifact):
        try_artifact(file)


@needs_ml
@pytest.mark.parametrize("kind", ["skops", "xgboost", "ubjson", "lightgbm"])
def test_a_real_model_is_opened_and_described(kind: str, tmp_path: Path) -> None:
    """Trained in a process of its own: the libraries stay out of this one."""
    path = tmp_path / f"model.{ {'xgboost': 'json', 'ubjson': 'ubj'}.get(kind, kind) }"
    code = f"""
import numpy
X = numpy.random.default_rng(0).normal(size=(40, 3)); y = (X[:, 0] > 0).astype(int)
kind = {kind!r}
if kind == "skops":
    import skops.io; from sklearn.ensemble import RandomForestClassifier
    skops.io.dump(RandomForestClassifier(2).fit(X, y), {str(path)!r})
elif kind == "lightgbm":
    import lightgbm
    lightgbm.train({{"objective": "binary", "verbose": -1}}, lightgbm.Dataset(X, y), 2).save_model({str(path)!r})
else:
    import xgboost
    xgboost.train({{"objective": "binary:logistic"}}, xgboost.DMatrix(X, y), 2).save_model({str(path)!r})
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True)

    with path.open("rb") as file:
        found = try_artifact(file, seconds=30)

    assert (found.task, found.in_process, len(found.schema or {})) == ("classification", False, 3)


@pytest.mark.parametrize("name", ["forest.skops", "xgboost multi softprob", "lightgbm binary"])
def test_damaged_models_are_refused_or_described_and_nothing_else(
    name: str, folder: Path, tmp_path: Path
) -> None:
    """Whatever a library does with such bytes, it does it in the child."""
    content = (folder / name).read_bytes()
    drawn = random.Random(3)
    flipped = bytearray(content)
    for _ in range(16):
        flipped[drawn.randrange(len(flipped))] ^= 1 << drawn.randrange(8)
    refusals = 0
    for case in (content[: len(content) * 2 // 3], bytes(flipped)):
        try:
            with kept(case, tmp_path) as file:
                try_artifact(file, seconds=30)
        except (RefusedArtifact, TimedOut):
            refusals += 1

    assert refusals > 0
