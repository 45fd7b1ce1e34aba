"""What models say, made into answers: labels as callers know them, probabilities, and nothing that is not finite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Any

from apps.models.domain.scoring import Label, Scored
from apps.models.errors import RefusedArtifact, ScoringFailed

NOT_FINITE = "The model answered with a number that is not finite."
SUM_TOLERANCE = 1e-3
LEAST_TOLERANCE = 1e-6
"""How far from one, and below zero, the floats of probabilities may lie."""


def plain_label(value: Any) -> Label:
    """A class as callers call it: what a library's own type holds, and whole numbers without a fraction."""
    item = getattr(value, "item", None)
    if callable(item):
        value = item()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return _finite(value)
    return str(value)


def numbers(values: Iterable[float]) -> list[Scored]:
    """A regression's."""
    return [Scored(_finite(value)) for value in values]


def labels(values: Iterable[Any]) -> list[Scored]:
    """Of a classifier that says no more."""
    return [Scored(plain_label(value)) for value in values]


def of_two(
    probabilities: Iterable[float],
    classes: Sequence[Label] = (0, 1),
    *,
    predicted: Sequence[Label] | None = None,
    threshold: float = 0.5,
) -> list[Scored]:
    """Each is of class 1, which is predicted above the threshold unless the model says its prediction itself."""
    low, high = classes
    scored = []
    for place, value in enumerate(probabilities):
        probability = _finite(value)
        label = (
            (high if probability > threshold else low) if predicted is None else predicted[place]
        )
        scored.append(Scored(label, probability, None, abs(probability - threshold)))
    return scored


@contextmanager
def told_plainly() -> Iterator[None]:
    """Whatever a library says about a row, it comes to this."""
    try:
        yield
    except (ScoringFailed, RefusedArtifact):
        raise
    except MemoryError:
        raise ScoringFailed("The model takes more memory than it may have.") from None
    except Exception as error:  # noqa: BLE001 - each library has errors of its own
        words = str(error).strip().split("\n", maxsplit=1)[0][:160]
        text = f"The model could not score this ({type(error).__name__}: {words})."
        raise ScoringFailed(text) from None


def _finite(value: float) -> float:
    if not isfinite(value):
        raise ScoringFailed(NOT_FINITE)
    return float(value)


def refuse_infinite(matrix: Iterable[Iterable[float]]) -> None:
    if not all(isfinite(value) for row in matrix for value in row):
        raise ScoringFailed(NOT_FINITE)
