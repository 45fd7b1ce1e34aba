"""What predictions turned out to be: whether an outcome can be one, and what it adds to the sums. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from apps.core.errors import Invalid
from apps.core.text import is_misleading
from apps.models.domain.scorecards import LOGISTIC
from apps.models.enums import Task

LONGEST_CLASS: Final = 255
SHOWN_CLASSES: Final = 10
LARGEST: Final = 1e100
"""Of an outcome and of a miss: the squares of such add up to something finite."""


@dataclass(slots=True)
class Tally:
    """Sums over outcomes; those of hours add up to those of a day.

    An outcome of a classifier adds one to `correct` or to `absolute_error`, and nothing to `squared_error`: so the sums
    alone tell which kind of prediction they are of, whatever became of its version.
    """

    outcomes: int = 0
    correct: int = 0
    absolute_error: float = 0.0
    squared_error: float = 0.0
    squared_miss: float = 0.0
    scored: int = 0

    def add(self, more: Tally, sign: int = 1) -> None:
        for each in fields(self):
            name = each.name
            setattr(self, name, getattr(self, name) + sign * getattr(more, name))

    def accuracy(self) -> Accuracy:
        """Sums that outcomes were taken out of again may lie a breath below zero."""
        if not self.outcomes:
            return Accuracy(0)
        brier = max(0.0, self.squared_miss) / self.scored if self.scored else None
        if self.squared_error == 0.0 and self.correct + self.absolute_error == self.outcomes:
            return Accuracy(self.outcomes, accuracy=self.correct / self.outcomes, brier=brier)
        return Accuracy(
            self.outcomes,
            mean_absolute_error=max(0.0, self.absolute_error) / self.outcomes,
            root_mean_squared_error=math.sqrt(max(0.0, self.squared_error) / self.outcomes),
        )


@dataclass(frozen=True, slots=True)
class Accuracy:
    outcomes: int
    accuracy: float | None = None
    mean_absolute_error: float | None = None
    root_mean_squared_error: float | None = None
    brier: float | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """What a version's outcomes may be. Its version may be gone: then the prediction itself must tell."""

    task: str = ""
    classes: tuple[str, ...] = ()
    """As its artefact calls them, in text; none: it does not say."""

    def read(self, actual: Any, prediction: Any, probability: float | None) -> Any:
        """The outcome as it is kept. Raises `Invalid` for one that this prediction could never have been."""
        if not self._is_class(prediction, probability):
            return _number(actual)
        return self._class(actual, prediction)

    def tally(self, actual: Any, prediction: Any, probability: float | None) -> Tally:
        """What one outcome adds."""
        if not self._is_class(prediction, probability):
            miss = min(abs(float(prediction) - float(actual)), LARGEST)
            return Tally(1, absolute_error=miss, squared_error=miss * miss)
        is_right = actual == prediction
        found = Tally(1, correct=int(is_right), absolute_error=float(not is_right))
        happened = self._happened(actual, prediction, probability)
        if happened is not None and probability is not None:
            found.scored, found.squared_miss = 1, (probability - happened) ** 2
        return found

    def _is_class(self, prediction: Any, probability: float | None) -> bool:
        if isinstance(prediction, bool) or not isinstance(prediction, int | float):
            return True
        if self.task:
            return self.task == Task.CLASSIFICATION
        return probability is not None

    def _class(self, actual: Any, prediction: Any) -> Any:
        kind = _kind(prediction)
        if not kind:
            raise Invalid.field("actual", "goes with no prediction of this kind", "type")
        if _kind(actual) != kind:
            raise Invalid.field("actual", f"must be a {kind}, as the prediction is", "type")
        if kind == "text" and (len(actual) > LONGEST_CLASS or is_misleading(actual)):
            raise Invalid.field("actual", "must be a line of text", "type")
        if self.classes and spelt(actual) not in self.classes:
            named = ", ".join(self.classes[:SHOWN_CLASSES])
            raise Invalid.field("actual", f"must be a class of this model: {named}", "choice")
        return _plain(actual) if kind == "number" else actual

    def _happened(self, actual: Any, prediction: Any, probability: float | None) -> int | None:
        """1 where it was class 1, 0 where it was the other of two; None where there are more, or nobody can say."""
        if len(self.classes) == 2:
            return int(spelt(actual) == self.classes[1])
        if self.classes or actual not in (0, 1) or prediction not in (0, 1):
            return None
        # A probability of more than half beside class 0 is that of the predicted class: there are more than two.
        is_of_first = (probability or 0.0) >= 0.5
        return int(actual) if is_of_first == bool(prediction) else None


def judge_of(task: str, details: Mapping[str, Any]) -> Judge:
    """By what the trial found of a version: its classes by name, or how many there are."""
    classes = details.get("classes", 0)
    if task != Task.CLASSIFICATION:
        return Judge(task)
    if isinstance(classes, int):
        is_known = "classes" in details or details.get("type") == LOGISTIC
        return Judge(task, tuple(map(str, range(max(2, classes)))) if is_known else ())
    return Judge(task, tuple(str(each).removesuffix(".0") for each in classes))


def spelt(label: Any) -> str:
    """A class in text, as the artefact's own list has it: a whole number is one however it is written."""
    return str(_plain(label))


def _plain(label: Any) -> Any:
    return int(label) if isinstance(label, float) and label.is_integer() else label


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else ""


def _number(actual: Any) -> int | float:
    is_number = isinstance(actual, int | float) and not isinstance(actual, bool)
    if not is_number or not abs(actual) <= LARGEST:
        raise Invalid.field("actual", f"must be a number within {LARGEST:.0e}", "type")
    found: int | float = actual
    return found
