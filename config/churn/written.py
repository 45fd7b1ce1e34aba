"""The two versions as the training left them: their names, metrics and scorecards. Needs no Django."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

NAME: Final = "churn-predictor"
CHAMPION: Final = "1.2.0"
CHALLENGER: Final = "1.3.0"
_HERE: Final = Path(__file__).parent


def read_written(label: str) -> dict[str, Any]:
    """`{metrics, card}`."""
    document: dict[str, Any] = json.loads((_HERE / f"{label}.json").read_text())
    return document


def write(label: str, document: dict[str, Any]) -> None:
    (_HERE / f"{label}.json").write_text(json.dumps(document, indent=1) + "\n")
