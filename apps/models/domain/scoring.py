"""What a loaded model can do, whatever it is made of, and what its answers are. Plain values: they cross processes as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from apps.models.domain.formats.description import Description
from apps.models.domain.schema import Row, Schema

Label = int | float | str | bool
"""What is predicted: a class as the model calls it, or a number."""


class Output(StrEnum):
    """What the values of an explanation add up to."""

    PROBABILITY = "probability"
    """Of class 1, or of the predicted class where there are more than two."""
    MARGIN = "margin"
    """The sum before the link: log-odds of a classifier, the raw score of trees."""
    PREDICTION = "prediction"


@dataclass(slots=True)
class Scored:
    """One row's answer. A regression has its prediction alone. Not frozen: a thousand are made at a time, twice as fast."""

    prediction: Label
    probability: float | None = None
    """Of class 1, or of the predicted class where there are more than two."""
    probabilities: Mapping[str, float] | None = None
    """By class, where there are more than two."""
    distance: float | None = None
    """How far the probability lies from where the prediction would change, 0 to 0.5."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """`base_value` and `values`, one for each feature in the schema's order, add up to the `output`."""

    base_value: float
    values: tuple[float, ...]
    output: Output


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything that opening a version takes beside its bytes. Never changes, so neither does what is opened by it."""

    described: Description
    schema: Schema
    background: tuple[Row, ...] = field(default=())
    """Rows that explanations are told against; never empty once read from a version."""

    def document(self) -> dict[str, Any]:
        return {
            "described": self.described.document(),
            "schema": list(self.schema.items()),
            "background": self.background,
        }


class Scorer(Protocol):
    """A model in memory. Blocking and without side effects: the same rows have the same answers."""

    def score(self, rows: Sequence[Row]) -> list[Scored]:
        """Raises `ScoringFailed` when the model itself cannot."""

    def explain(self, row: Row) -> Explanation: ...


class Executor(Protocol):
    """A scorer seen from the loop, wherever it runs: here, in a worker process, on another server."""

    is_instant: bool
    """Whether it answers within microseconds, so that it is asked at once and nothing is remembered for it."""
    memory: int
    """Bytes it takes, about: what is unloaded first when there is too little."""

    async def score(self, rows: Sequence[Row]) -> list[Scored]:
        """Raises `ScoringFailed`, `ModelUnavailable`, `TimedOut`, `Upstream`."""

    async def explain(self, row: Row) -> Explanation: ...

    async def close(self) -> None:
        """What is being answered is answered; then it lets go of what it holds."""
