"""The record of predictions as it goes through the spool: what one call answered, one row of it or a thousand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

KIND: Final = "predictions"
"""The spool's word for these records."""


@dataclass(slots=True)
class Line:
    """One prediction of a call. A line whose `id` is empty is counted and not logged."""

    id: str
    customer: str
    features: dict[str, Any]
    prediction: Any
    probability: float | None


@dataclass(slots=True)
class Entry:
    """One call. `predictions` counts all it answered, `lines` are those the log takes."""

    organization: int
    """The row's number."""
    model_key: int
    model: str
    version_key: int
    version: str
    source: str
    request_id: str
    at: datetime
    duration_ms: float
    predictions: int = 1
    errors: int = 0
    cached: int = 0
    batch: str = ""
    key: str = ""
    principal: str = ""
    lines: tuple[Line, ...] = ()

    def to_record(self) -> list[Any]:
        """By place: this is written for each prediction, and names would be half of it."""
        return [
            self.organization, self.model_key, self.model, self.version_key, self.version, self.source,
            self.request_id, self.at, self.duration_ms, self.predictions, self.errors, self.cached, self.batch,
            self.key, self.principal,
            [[each.id, each.customer, each.features, each.prediction, each.probability] for each in self.lines],
        ]  # fmt: skip


def read_record(value: list[Any]) -> Entry:
    """The inverse. What a later version of the program wrote behind what is known here is passed over."""
    *parts, lines = value[:16]
    entry = Entry(*parts)
    entry.at = datetime.fromisoformat(value[7]).astimezone(UTC)
    entry.lines = tuple(Line(*line[:5]) for line in lines)
    return entry
