"""Which outcomes a prediction may have, and what they come to."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.errors import Invalid
from apps.models.domain.outcomes import Accuracy, Judge, Tally, judge_of

pytestmark = pytest.mark.unit
BINARY = Judge("classification", ("0", "1"))
THREE = Judge("classification", ("0", "1", "2"))
WORDS = Judge("classification", ("leaves", "stays"))
REGRESSION = Judge("regression")
NOBODY = Judge()


@pytest.mark.parametrize(
    ("task", "details", "judge"),
    [
        ("classification", {"classes": ["stays", "leaves"]}, Judge("classification", ("stays", "leaves"))),
        ("classification", {"classes": ["0.0", "1.0"]}, BINARY),
        ("classification", {"classes": 0}, BINARY),
        ("classification", {"classes": 1}, BINARY),
        ("classification", {"classes": 3}, THREE),
        ("classification", {"type": "logistic"}, BINARY),
        ("classification", {}, Judge("classification")),
        ("regression", {"classes": 3, "type": "linear"}, REGRESSION),
        ("", {}, NOBODY),
    ],
)  # fmt: skip
def test_a_judge_knows_what_the_trial_found(task: str, details: Any, judge: Judge) -> None:
    assert judge_of(task, details) == judge


@pytest.mark.parametrize(
    ("judge", "prediction", "probability", "actual", "kept"),
    [
        (BINARY, 1, 0.7, 0, 0),
        (BINARY, 1, 0.7, 1.0, 1),
        (WORDS, "stays", 0.7, "leaves", "leaves"),
        (Judge("classification"), "stays", 0.7, "anything", "anything"),
        (Judge("classification", ("False", "True")), True, 0.7, False, False),
        (Judge("classification"), 3, None, 7, 7),
        (REGRESSION, 3.5, None, 4, 4),
        (REGRESSION, 3.5, None, -1e100, -1e100),
        (NOBODY, 3.5, None, 2.5, 2.5),
        (NOBODY, 1, 0.7, 0, 0),
    ],
)
def test_an_outcome_is_kept(
    judge: Judge, prediction: Any, probability: float | None, actual: Any, kept: Any
) -> None:
    found = judge.read(actual, prediction, probability)

    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("judge", "prediction", "probability", "actual", "message"),
    [
        (BINARY, 1, 0.7, 2, "must be a class of this model: 0, 1"),
        (BINARY, 1, 0.7, 0.5, "must be a class of this model: 0, 1"),
        (BINARY, 1, 0.7, True, "must be a number, as the prediction is"),
        (BINARY, 1, 0.7, "1", "must be a number, as the prediction is"),
        (BINARY, 1, 0.7, None, "must be a number, as the prediction is"),
        (BINARY, 1, 0.7, [1], "must be a number, as the prediction is"),
        (WORDS, "stays", 0.7, "vanishes", "must be a class of this model: leaves, stays"),
        (WORDS, "stays", 0.7, 1, "must be a text, as the prediction is"),
        (Judge("classification"), "stays", None, "a" * 256, "must be a line of text"),
        (Judge("classification"), "stays", None, "a\nb", "must be a line of text"),
        (NOBODY, True, 0.7, 1, "must be a flag, as the prediction is"),
        (NOBODY, None, None, None, "goes with no prediction of this kind"),
        (NOBODY, {"a": 1}, None, {"a": 1}, "goes with no prediction of this kind"),
        (REGRESSION, 3.5, None, "4", "must be a number within 1e+100"),
        (REGRESSION, 3.5, None, True, "must be a number within 1e+100"),
        (REGRESSION, 3.5, None, None, "must be a number within 1e+100"),
        (REGRESSION, 3.5, None, float("nan"), "must be a number within 1e+100"),
        (REGRESSION, 3.5, None, 1.1e100, "must be a number within 1e+100"),
        (REGRESSION, 3.5, None, float("inf"), "must be a number within 1e+100"),
    ],
)
def test_an_outcome_that_could_never_be_is_refused(
    judge: Judge, prediction: Any, probability: float | None, actual: Any, message: str
) -> None:
    with pytest.raises(Invalid) as caught:
        judge.read(actual, prediction, probability)

    assert caught.value.message == f"actual: {message}"


@pytest.mark.parametrize(
    ("judge", "prediction", "probability", "actual", "tally"),
    [
        (BINARY, 1, 0.75, 1, Tally(1, 1, 0.0, 0.0, 0.0625, 1)),
        (BINARY, 1, 0.75, 0, Tally(1, 0, 1.0, 0.0, 0.5625, 1)),
        (BINARY, 0, 0.75, 1, Tally(1, 0, 1.0, 0.0, 0.0625, 1)),  # a threshold of its own
        (BINARY, 1, None, 1, Tally(1, 1)),
        (WORDS, "stays", 0.75, "stays", Tally(1, 1, 0.0, 0.0, 0.0625, 1)),
        (WORDS, "stays", 0.75, "leaves", Tally(1, 0, 1.0, 0.0, 0.5625, 1)),
        (THREE, 2, 0.75, 2, Tally(1, 1)),
        (THREE, 1, 0.75, 0, Tally(1, 0, 1.0)),
        (REGRESSION, 3.5, None, 5, Tally(1, 0, 1.5, 2.25)),
        (NOBODY, 1, 0.75, 0, Tally(1, 0, 1.0, 0.0, 0.5625, 1)),
        (NOBODY, 0, 0.25, 0, Tally(1, 1, 0.0, 0.0, 0.0625, 1)),
        (NOBODY, 0, 0.75, 0, Tally(1, 1)),  # that of the predicted class: there are more than two
        (NOBODY, 2, 0.75, 2, Tally(1, 1)),
        (NOBODY, "a", 0.75, "a", Tally(1, 1)),
        (NOBODY, 3.5, None, 3.0, Tally(1, 0, 0.5, 0.25)),
        (REGRESSION, -1e308, None, 1e100, Tally(1, 0, 1e100, 1e200)),
    ],
)
def test_what_an_outcome_adds(
    judge: Judge, prediction: Any, probability: float | None, actual: Any, tally: Tally
) -> None:
    assert judge.tally(actual, prediction, probability) == tally


def test_what_is_taken_out_again_leaves_nothing() -> None:
    tally = BINARY.tally(1, 1, 0.75)

    tally.add(BINARY.tally(1, 1, 0.75), -1)

    assert (tally, tally.accuracy()) == (Tally(), Accuracy(0))


@pytest.mark.parametrize(
    ("tally", "accuracy"),
    [
        (Tally(4, 3, 1.0, 0.0, 0.5, 4), Accuracy(4, accuracy=0.75, brier=0.125)),
        (Tally(2, 0, 2.0), Accuracy(2, accuracy=0.0)),
        (
            Tally(2, 0, 3.0, 8.0),
            Accuracy(2, mean_absolute_error=1.5, root_mean_squared_error=2.0),
        ),
        (Tally(2), Accuracy(2, mean_absolute_error=0.0, root_mean_squared_error=0.0)),
        (
            Tally(1, 0, -1e-17, -1e-17),
            Accuracy(1, mean_absolute_error=0.0, root_mean_squared_error=0.0),
        ),
        (Tally(1, 1, 0.0, 0.0, -1e-17, 1), Accuracy(1, accuracy=1.0, brier=0.0)),
    ],
)
def test_what_sums_come_to(tally: Tally, accuracy: Accuracy) -> None:
    assert tally.accuracy() == accuracy
