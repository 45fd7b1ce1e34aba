"""Answers of predictions in the shapes that the serving API's clients know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.models.domain.schema import Row
from apps.models.domain.scoring import Explanation, Scored
from apps.models.domain.tables import VersionView

HIGH, MEDIUM = 0.25, 0.1
"""How far from where the prediction would change a probability must lie to be called that."""
MOST_TOP: Final = 10


@dataclass(frozen=True, slots=True)
class Answered:
    """One prediction, whole."""

    id: str
    at: datetime
    version: VersionView
    row: Row
    scored: Scored
    explanation: Explanation | None = None
    is_cached: bool = False

    def document(self) -> dict[str, Any]:
        said = scored_document(self.scored)
        said["model_version"] = self.version.label
        said["prediction_id"] = self.id
        said["timestamp"] = self.at
        if self.explanation is not None:
            said["explanation"] = explanation_document(self.version, self.row, self.explanation)
        return said


def scored_document(scored: Scored) -> dict[str, Any]:
    """A regression says its prediction and no more."""
    if scored.probability is None:
        return {"prediction": scored.prediction}
    said: dict[str, Any] = {
        "prediction": scored.prediction,
        "probability": scored.probability,
        "confidence": confidence(scored),
    }
    if scored.probabilities is not None:
        said["probabilities"] = scored.probabilities
    return said


def confidence(scored: Scored) -> str:
    """By the distance of the probability from where the prediction would change."""
    distance = scored.distance or 0.0
    if distance >= HIGH:
        return "high"
    return "medium" if distance >= MEDIUM else "low"


def explanation_document(version: VersionView, row: Row, told: Explanation) -> dict[str, Any]:
    names = version.checker.names
    order = sorted(range(len(names)), key=lambda at: -abs(told.values[at]))
    return {
        "base_value": told.base_value,
        "output": told.output,
        "shap_values": told.values,
        "top_features": [
            {"feature": names[at], "importance": abs(told.values[at]), "value": row[at]}
            for at in order[:MOST_TOP]
        ],
    }


def row_document(customer: Any, scored: Scored, prediction_id: str) -> dict[str, Any]:
    """One row of a batch."""
    said: dict[str, Any] = {"customer_id": customer, "prediction": scored.prediction}
    if scored.probability is not None:
        said["probability"] = scored.probability
        if scored.probabilities is not None:
            said["probabilities"] = scored.probabilities
    said["prediction_id"] = prediction_id
    return said


def failed_row(customer: Any, index: int, error: Mapping[str, Any]) -> dict[str, Any]:
    return {"customer_id": customer, "index": index, "error": error}


def batch_document(
    *,
    rows: Sequence[Mapping[str, Any]],
    failed: int,
    batch: str,
    version: str,
    seconds: float,
) -> dict[str, Any]:
    return {
        "predictions": rows,
        "batch_id": batch,
        "processed_count": len(rows) - failed,
        "failed_count": failed,
        "model_version": version,
        "processing_time_ms": round(seconds * 1000, 3),
    }
