"""Scorecards: read strictly, scored in plain Python, explained exactly."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.errors import Invalid
from apps.models.domain.schema import compile_schema
from apps.models.domain.scorecards import bind, infer_schema, read_scorecard, sigmoid
from tests.factories.models import CARD, SCHEMA

pytestmark = pytest.mark.unit


def test_a_logistic_card_scores_by_its_terms() -> None:
    scorer = bind(read_scorecard(CARD), SCHEMA)

    score = scorer.score((12, "Month-to-month"))

    assert score.margin == pytest.approx(-1 - 0.6 + 1.2)
    assert score.probability == pytest.approx(1 / (1 + math.exp(0.4)))
    assert score.prediction == 0
    assert scorer.score((0, "Month-to-month")).prediction == 1
    assert scorer.score((None, "One year")).margin == -1.0  # neither known nor worth points


def test_a_linear_card_answers_its_margin() -> None:
    card = read_scorecard({"type": "linear", "terms": [{"feature": "a", "coefficient": 2}]})

    score = bind(card, {"a": {"type": "number"}}).score((4.0,))

    assert (score.prediction, score.probability) == (8.0, None)


# It judges arithmetic: how busy the machine is does not matter.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    tenure=st.one_of(st.none(), st.integers(0, 100)),
    contract=st.sampled_from([None, "Month-to-month", "One year", "Two year"]),
    mean=st.floats(-50, 50),
)
def test_an_explanation_adds_up(tenure: Any, contract: Any, mean: float) -> None:
    terms = [{**CARD["terms"][0], "mean": mean}, {**CARD["terms"][1], "mean": 0.3}]
    scorer = bind(read_scorecard({**CARD, "terms": terms}), SCHEMA)
    row = (tenure, contract)

    told = scorer.explain(row)

    assert told.base_value == pytest.approx(-1 - 0.05 * mean + 0.3)
    assert told.base_value + sum(told.values) == pytest.approx(scorer.score(row).margin, abs=1e-9)


def test_the_inferred_schema_follows_the_terms() -> None:
    terms = [
        *CARD["terms"],
        {"feature": "phone", "points": {"true": 1, "false": 0}},
    ]
    schema = infer_schema(read_scorecard({**CARD, "terms": terms}))

    assert list(schema.items()) == [
        ("tenure", {"type": "number"}),
        ("contract", {"type": "string", "enum": ["Month-to-month", "Two year"]}),
        ("phone", {"type": "boolean"}),
    ]
    scorer = bind(read_scorecard({**CARD, "terms": terms}), schema)
    row = compile_schema(schema).check({"tenure": 0, "contract": "Two year", "phone": True})
    assert scorer.score(row).margin == pytest.approx(-1 - 0.8 + 1)


@pytest.mark.parametrize("margin", [-1e308, -800.0, 800.0, 1e308])
def test_sigmoid_has_no_overflow(margin: float) -> None:
    assert sigmoid(margin) == (1.0 if margin > 0 else 0.0)


TERM: dict[str, Any] = {"feature": "a", "coefficient": 1}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "file"),
        ({"type": "tree", "terms": [TERM]}, "file.type"),
        ({"type": "linear", "terms": [TERM], "code": "x"}, "file.code"),
        ({"type": "linear"}, "file.terms"),
        ({"type": "linear", "terms": []}, "file.terms"),
        ({"type": "linear", "terms": [TERM, TERM]}, "file.terms"),
        ({"type": "linear", "terms": [7]}, "file.terms.0"),
        ({"type": "linear", "terms": [{"coefficient": 1}]}, "file.terms.0.feature"),
        ({"type": "linear", "terms": [{"feature": "a"}]}, "file.terms.0"),
        ({"type": "linear", "terms": [{**TERM, "points": {"x": 1}}]}, "file.terms.0"),
        ({"type": "linear", "terms": [{**TERM, "coefficient": "1"}]}, "file.terms.0.coefficient"),
        ({"type": "linear", "terms": [{**TERM, "coefficient": float("nan")}]}, "file.terms.0.coefficient"),
        ({"type": "linear", "terms": [{**TERM, "coefficient": 1e200}]}, "file.terms.0.coefficient"),
        ({"type": "linear", "terms": [{"feature": "a", "points": {}}]}, "file.terms.0.points"),
        ({"type": "linear", "terms": [{"feature": "a", "points": {"x": None}}]}, "file.terms.0.points.x"),
        ({"type": "linear", "terms": [TERM], "intercept": True}, "file.intercept"),
        ({"type": "logistic", "terms": [TERM], "threshold": 1}, "file.threshold"),
    ],
)  # fmt: skip
def test_a_wrong_card_is_named(document: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_scorecard(document)

    assert [each.field for each in refused.value.fields] == [field]


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"tenure": {"type": "integer"}}, "feature_schema.contract"),
        ({**SCHEMA, "tenure": {"type": "string"}}, "feature_schema.tenure"),
        ({**SCHEMA, "contract": {"type": "boolean"}}, "feature_schema.contract"),
        ({**SCHEMA, "contract": {"type": "integer"}}, "feature_schema.contract"),
    ],
)
def test_a_schema_that_does_not_fit_is_refused(schema: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        bind(read_scorecard(CARD), schema)

    assert [each.field for each in refused.value.fields] == [field]
