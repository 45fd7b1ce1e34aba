"""Predictions as the serving path writes them down, and what the log makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from apps.core import json
from apps.core.ids import new_id
from apps.core.spool.process import Record
from apps.core.tenancy import organization_scope
from apps.models.domain.log import Entry, Line
from apps.models.enums import Source
from apps.models.models import ModelVersion, PredictionRecord
from apps.models.services import prediction_log

AT = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)
FEATURES: dict[str, Any] = {"tenure": 12, "contract": "Month-to-month"}
_numbers = count(1)


def make_line(**values: Any) -> Line:
    given = {
        "id": new_id("pred"),
        "customer": "cust-1",
        "features": FEATURES,
        "prediction": 1,
        "probability": 0.75,
        **values,
    }
    return Line(**given)


def make_prediction_entry(version: ModelVersion, *lines: Line, **values: Any) -> Entry:
    """One call; without lines, nothing of it is logged."""
    given = {
        "version": version.label,
        "source": Source.SINGLE.value,
        "request_id": f"req_{next(_numbers)}",
        "at": AT,
        "duration_ms": 4.0,
        "predictions": max(1, len(lines)),
        "key": "key_a",
        "principal": "user_a",
        **values,
    }
    return Entry(
        organization=version.organization_id,
        model_key=version.model_id,
        model=version.model.name,
        version_key=version.pk,
        lines=lines,
        **given,
    )


def make_prediction_records(*entries: Entry, spool: str = "home.1") -> list[Record]:
    """In the spool's own encoding, each at a place of its own."""
    return [
        Record(f"{spool}.1.{next(_numbers)}", json.dumps(entry.to_record())) for entry in entries
    ]


def make_prediction(version: ModelVersion, *, at: datetime = AT, **values: Any) -> PredictionRecord:
    """One that was drained into the log; `values` are its line's."""
    line = make_line(**values)
    entry = make_prediction_entry(version, line, at=at)
    prediction_log.drain_predictions(make_prediction_records(entry))
    with organization_scope(version.organization_id):
        return PredictionRecord.objects.get(public_id=line.id)
