"""docs/models.md as a newcomer follows it: every command in its order, as it is written there, against a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Serving
from tests.rig.environment import ROOT

pytestmark = pytest.mark.journey
DOCUMENT = (ROOT / "docs" / "models.md").read_text()
BLOCKS = [
    (section.split("\n", 1)[0].lstrip("# "), language, text)
    for section in re.split(r"^(?=#+ )", DOCUMENT, flags=re.MULTILINE)
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
]
ASIDE = re.compile(r"^export (\w+)=.*….*$", re.MULTILINE)
TAKEN = {"PREDICTION": "prediction_id", "TASK": "task_id"}
"""Where the document says to take a value from the answer before, this is the field."""
ANSWERS = {"prediction_id": "pred_…", "timestamp": "2026-01-15T10:30:00.000000Z"}
"""What the document cannot know."""
FIRST, TUTORIAL = "Models", "Serve your first model"
FILES, LOG = "Files of rows", "The log, outcomes, accuracy"


class Newcomer:
    def __init__(self, serving: Serving, folder: Path) -> None:
        self.folder = folder
        self.env = {"URL": serving.server.url, "KEY": serving.hurried.key}
        self.said: list[Any] = []

    def follow(self, script: str) -> list[Any]:
        """The answers of one block."""
        before = len(self.said)
        while script.strip():
            aside = ASIDE.search(script)
            part, script = (
                (script[: aside.start()], script[aside.end() :]) if aside else (script, "")
            )
            self.said += read(self._run(part))
            if aside and aside[1] in TAKEN:
                field = TAKEN[aside[1]]
                self.env[aside[1]] = next(each[field] for each in self.said[::-1] if field in each)
        return self.said[before:]

    def _run(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **self.env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def newcomer(serving: Serving, tmp_path: Path) -> Newcomer:
    return Newcomer(serving, tmp_path)


def blocks(section: str, language: str) -> list[str]:
    return [text for known, kind, text in BLOCKS if (known, kind) == (section, language)]


def read(printed: str) -> list[Any]:
    """The JSON documents among what was printed, one after the other."""
    found, decoder, at = [], json.JSONDecoder(), 0
    while (at := printed.find("{", at)) >= 0:
        value, at = decoder.raw_decode(printed, at)
        found.append(value)
    return found


def test_the_demo_s_model_is_asked(newcomer: Newcomer) -> None:
    (block,) = blocks(FIRST, "sh")

    (said,) = newcomer.follow(block)

    assert (said["prediction"], said["model_version"]) == (0, "1.2.0")
    assert len(said["explanation"]["shap_values"]) == 10


def test_a_newcomer_serves_a_model(newcomer: Newcomer) -> None:
    answers = [newcomer.follow(block) for block in blocks(TUTORIAL, "sh")]

    ((made,), (uploaded,), (promoted,), (plain, explained), (outcome,), later) = answers
    assert made["name"] == "late-trains"
    assert {
        "model": "late-trains",
        "version": "1.0.0",
        "stage": "None",
        "format": "scorecard",
        "status": "ready",
    }.items() <= uploaded.items()
    assert promoted["stage"] == "Production"
    assert (plain["prediction"], "explanation" in plain) == (1, False)
    (shown,) = blocks(TUTORIAL, "json")
    assert rounded({**explained, **ANSWERS}) == json.loads(shown)
    assert outcome["actual"] == 1
    batch, ticket, result = later
    assert [row["customer_id"] for row in batch["predictions"]] == ["train-1", "train-2"]
    assert (ticket["status"], newcomer.env["TASK"]) == ("queued", ticket["task_id"])
    assert "prediction" in result or result["status"] in ("queued", "running")


def test_the_log_is_read_and_judged(newcomer: Newcomer, serving: Serving) -> None:
    (first,), (block,) = blocks(FIRST, "sh"), blocks(LOG, "sh")
    (said,) = newcomer.follow(first)
    newcomer.env["PREDICTION"] = said["prediction_id"]
    deadline = time.monotonic() + 20
    while serving.hurried.get(f"/api/v1/predictions/{said['prediction_id']}").status == 404:
        assert time.monotonic() < deadline  # it is on its way through the spool
        time.sleep(0.05)

    listed, one, told, judged, taken, accuracy = newcomer.follow(block)

    assert {row["customer_id"] for row in listed["data"]} == {"CUST12345"}
    assert one["id"] == judged["id"] == said["prediction_id"]
    assert one["features"]["contract"] == "Month-to-month"
    assert told["top_features"][0]["value"] == one["features"][told["top_features"][0]["feature"]]
    assert (judged["actual"], taken) == (1, {"accepted": 1, "rejected": []})
    assert {point["version"] for point in accuracy["points"]} >= {"1.2.0"}


def test_a_file_of_rows_is_taken(newcomer: Newcomer) -> None:
    (block,) = blocks(FILES, "sh")
    rows = "customer_id,tenure,contract\nCUST1,12,Month-to-month\nCUST2,60,Two year\n"
    (newcomer.folder / "customers.csv").write_text(rows)

    (ticket,) = newcomer.follow(block)

    assert ticket["status"] == "queued"


def test_no_command_of_the_document_is_left_untried() -> None:
    sections = {section for section, language, _ in BLOCKS if language in ("sh", "bash")}

    assert sections == {FIRST, TUTORIAL, FILES, LOG}


def rounded(value: Any) -> Any:
    """As people write numbers down."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return round(value, 3) if isinstance(value, float) else value
