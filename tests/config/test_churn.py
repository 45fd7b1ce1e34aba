"""The demo's model: what is committed is what its script trains, and it is what its metrics say."""

from __future__ import annotations

from typing import Any

import pytest

from apps.models.domain.schema import compile_schema, read_schema
from apps.models.domain.scorecards import Scorer, bind, read_scorecard
from config.churn import training
from config.churn.customers import EXAMPLE, SCHEMA, make_customers
from config.churn.fitting import Banded, Design, Numeric, fit_card
from config.churn.written import read_written

VERSIONS = ("1.2.0", "1.3.0")
SEED_004 = {"tenure": 12, "monthly_charges": 65.0, "contract": "Month-to-month"}


def scorer(label: str) -> Scorer:
    return bind(read_scorecard(read_written(label)["card"]), SCHEMA)


def score(label: str, features: dict[str, Any]) -> Any:
    return scorer(label).score(compile_schema(SCHEMA).check(features))


@pytest.mark.parametrize("label", VERSIONS)
def test_training_again_writes_what_is_committed(label: str) -> None:
    trained = training.train(label)
    written = read_written(label)

    assert trained.metrics == pytest.approx(written["metrics"], abs=2e-3)
    assert _numbers(trained.card) == pytest.approx(_numbers(written["card"]), abs=1e-4)


def test_customers_are_the_same_for_the_same_seed() -> None:
    assert make_customers(20, 4) == make_customers(20, 4)
    assert make_customers(20, 4) != make_customers(20, 5)


def test_every_customer_fits_the_schema() -> None:
    check = compile_schema(read_schema(SCHEMA)).check

    for customer in make_customers(500, 4):
        assert check(dict(customer.features)) == tuple(customer.features.values())


def test_every_feature_has_a_default() -> None:
    assert compile_schema(SCHEMA).document(compile_schema(SCHEMA).check({})) == {
        name: spec["default"] for name, spec in SCHEMA.items()
    }


@pytest.mark.parametrize("features", [EXAMPLE, SEED_004])
def test_the_champion_answers_the_example_as_a_sure_no(features: dict[str, Any]) -> None:
    answer = score("1.2.0", features)

    assert (answer.prediction, round(answer.probability, 3)) == (0, 0.235)


def test_the_versions_are_two_models() -> None:
    features = [len(read_written(label)["card"]["terms"]) for label in VERSIONS]
    accuracy = [read_written(label)["metrics"]["accuracy"] for label in VERSIONS]

    assert features == [5, 10]
    assert accuracy[0] < accuracy[1]
    assert score("1.2.0", EXAMPLE).margin != score("1.3.0", EXAMPLE).margin


@pytest.mark.parametrize("label", VERSIONS)
def test_explanations_are_told_against_the_customers_it_was_trained_on(label: str) -> None:
    card = scorer(label)
    check = compile_schema(SCHEMA).check
    seen = make_customers(training.CUSTOMERS, training.SEED)[training.HELD_OUT :]

    rows = [check(dict(customer.features)) for customer in seen]
    margins = [card.score(row).margin for row in rows]
    told = [card.explain(row) for row in rows[:20]]

    assert told[0].base_value == pytest.approx(sum(margins) / len(margins), abs=1e-4)
    assert [each.base_value + sum(each.values) for each in told] == pytest.approx(margins[:20])


def test_fit_card_finds_what_the_customers_were_made_by() -> None:
    """One amount, one band: 0.25 and 0.75 of them left, so log 3 lies between the bands."""
    rows = [{"x": 0.0, "band": band} for band in "ab" for _ in range(4000)]
    left = [index % 4 < (1 if row["band"] == "a" else 3) for index, row in enumerate(rows)]

    card = fit_card(Design((Numeric("x", 1.0), Banded("band", {"a": "a", "b": "b"}))), rows, left)

    (_, band) = card["terms"]
    assert band["points"]["b"] - band["points"]["a"] == pytest.approx(2.1972, abs=0.01)
    assert card["intercept"] == pytest.approx(0, abs=1e-6)


def _numbers(card: dict[str, Any]) -> dict[str, float]:
    """Every number of a card by its place."""
    found = {"intercept": card["intercept"]}
    for term in card["terms"]:
        found[f"{term['feature']} mean"] = term["mean"]
        amounts = term.get("points") or {"": term["coefficient"]}
        found |= {f"{term['feature']} {name}": amount for name, amount in amounts.items()}
    return found
