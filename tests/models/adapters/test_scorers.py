"""Scorecards and read coefficients: plain Python, exact explanations, nothing of the libraries."""

from __future__ import annotations

import json
from math import exp
from pathlib import Path
from typing import Any

import pytest

from apps.models.adapters.runtimes import answers
from apps.models.adapters.runtimes.loading import load_scorer
from apps.models.domain.formats.description import Description
from apps.models.domain.schema import Row, Schema
from apps.models.domain.scoring import Blueprint, Output, Scored, Scorer
from apps.models.enums import Format
from apps.models.errors import BrokenArtifact, RuntimeMissing, ScoringFailed

pytestmark = pytest.mark.unit
CARD = {
    "type": "logistic",
    "intercept": -1.0,
    "threshold": 0.4,
    "terms": [
        {"feature": "tenure", "coefficient": -0.05, "mean": 20},
        {"feature": "contract", "points": {"monthly": 1.5, "yearly": -0.5}, "mean": 0.5},
    ],
}
SCHEMA: Schema = {
    "contract": {"type": "string", "required": False},
    "tenure": {"type": "number", "required": False},
}
ROW: Row = ("monthly", 10.0)


def card(folder: Path, *background: Row, **changes: Any) -> Scorer:
    path = folder / "card.json"
    path.write_text(json.dumps({**CARD, **changes}))
    described = Description(Format.SCORECARD, "classification")
    return load_scorer(Blueprint(described, SCHEMA, background or (ROW,)), str(path))


def sigmoid(margin: float) -> float:
    return 1 / (1 + exp(-margin))


def test_a_logistic_card_has_a_threshold_of_its_own(tmp_path: Path) -> None:
    likely, unlikely = sigmoid(0.0), sigmoid(-3.5)

    assert card(tmp_path).score([ROW, ("yearly", 40.0)]) == [
        Scored(1, likely, None, pytest.approx(likely - 0.4)),
        Scored(0, pytest.approx(unlikely), None, pytest.approx(0.4 - unlikely)),
    ]


def test_a_linear_card_says_its_number_alone(tmp_path: Path) -> None:
    assert card(tmp_path, type="linear").score([(None, 10.0)]) == [Scored(-1.5)]


def test_a_card_is_explained_against_its_means(tmp_path: Path) -> None:
    told = card(tmp_path).explain(ROW)

    assert (told.base_value, told.values, told.output) == (-1.5, (1.0, 0.5), Output.MARGIN)


def test_a_card_is_explained_against_rows_that_came_with_it(tmp_path: Path) -> None:
    told = card(tmp_path, ("monthly", 0.0), ("yearly", 20.0), ("yearly", 10.0)).explain(ROW)

    assert told.values == (pytest.approx(1.5 - 0.5 / 3), pytest.approx(0.0))
    assert told.base_value + sum(told.values) == pytest.approx(0.0)


def test_a_sum_beyond_all_numbers_is_refused(tmp_path: Path) -> None:
    scorer = card(tmp_path, type="linear", terms=[{"feature": "tenure", "coefficient": 1e100}])

    with pytest.raises(ScoringFailed):
        scorer.score([("", 1e300)])


LINEAR = {
    "coefficients": [2.0, -1.0],
    "intercept": 0.5,
    "link": "logit",
    "classes": ["no", "yes"],
    "means": [1.0, 3.0],
    "features": ["a", "b"],
}
TURNED: Schema = {"b": {"type": "number"}, "a": {"type": "integer"}}


def linear(*background: Row, schema: Schema | None = None, **changes: Any) -> Scorer:
    described = Description(Format.SKOPS, "", details={"linear": {**LINEAR, **changes}})
    return load_scorer(
        Blueprint(described, schema or TURNED, background or ((9.0, 9),)), "/nowhere"
    )


def test_coefficients_go_with_their_features_in_any_order() -> None:
    (found,) = linear().score([(1.0, 1)])

    assert found == Scored("yes", sigmoid(1.5), None, pytest.approx(sigmoid(1.5) - 0.5))


def test_coefficients_without_names_go_by_place() -> None:
    (found,) = linear(features=[], link="identity", classes=[]).score([(1.0, 2)])

    assert found == Scored(0.5)


def test_coefficients_are_explained_against_the_means() -> None:
    told = linear().explain((1.0, 2))

    assert (told.base_value, told.values, told.output) == (-0.5, (2.0, 2.0), Output.MARGIN)


def test_coefficients_are_explained_against_rows_that_came_with_them() -> None:
    told = linear((0.0, 0), (2.0, 4), link="identity").explain((1.0, 3))

    assert (told.base_value, told.values, told.output) == (3.5, (-0.0, 2.0), Output.PREDICTION)


def test_without_means_the_usual_row_stands_in() -> None:
    assert linear((1.0, 1), means=None).explain((0.0, 1)).values == (1.0, 0.0)


@pytest.mark.parametrize("row", [(None, 1), (1.0, None), ("x", 1), (1e308, -(2**62))])
def test_coefficients_take_numbers_alone(row: Row) -> None:
    with pytest.raises(ScoringFailed):
        linear(coefficients=[2.0, -1e10]).score([row])


def test_coefficients_of_other_features_are_refused() -> None:
    with pytest.raises(BrokenArtifact):
        linear(schema={"a": {"type": "number"}})


def test_a_format_that_is_not_opened_here() -> None:
    with pytest.raises(BrokenArtifact):
        load_scorer(Blueprint(Description(Format.REMOTE, ""), SCHEMA, ()), "/nowhere")


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    monkeypatch.delitem(
        __import__("sys").modules, "apps.models.adapters.runtimes.lightgbm", raising=False
    )
    described = Description(Format.LIGHTGBM, "", runtime="lightgbm")

    with pytest.raises(RuntimeMissing) as refused:
        load_scorer(Blueprint(described, SCHEMA, ()), "/nowhere")

    assert refused.value.found == "needs lightgbm, which is not installed (lightgbm)"


@pytest.mark.parametrize(
    ("value", "label"),
    [(1.0, 1), (-3.0, -3), (0.5, 0.5), (True, True), (7, 7), ("0", "0"), ("a", "a"), (b"a", "a")],
)
def test_labels_are_what_callers_know(value: Any, label: Any) -> None:
    found = answers.plain_label(value)

    assert (found, type(found)) == (label, type(label))


def test_an_explanation_beyond_all_numbers_is_refused(tmp_path: Path) -> None:
    """Rows of the background may be as large as a number can be, and what is told must add up."""
    steep = [{"feature": "tenure", "coefficient": 1e100}]
    for scorer, row in (
        (linear((1e300, 9), (1e300, 9), coefficients=[1e100, -1e100]), (0.0, 0)),
        (linear((1e300, -(2**62)), (1e300, -(2**62)), coefficients=[1e300, 1e100]), (0.0, 0)),
        (card(tmp_path, ("monthly", 1e300), ("monthly", 1e300), terms=steep), ROW),
    ):
        with pytest.raises(ScoringFailed) as failed:
            scorer.explain(row)
        assert failed.value.message == answers.NOT_FINITE
