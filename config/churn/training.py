"""Two versions of the model, trained and measured: what `python -m config.churn` writes down and a test makes again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.models.domain.schema import compile_schema
from apps.models.domain.scorecards import bind, read_scorecard
from config.churn.customers import CONTRACTS, INTERNET, PAYMENTS, SCHEMA, Customer, make_customers
from config.churn.fitting import Banded, Design, Numeric, fit_card

SEED: Final = 20_260_115
CUSTOMERS: Final = 6000
HELD_OUT: Final = 2000
"""Nothing is fitted to these; every metric is of them."""
DIGITS: Final = 4

_BANDS: Final = (1, 3, 6, 12, 24, 48)
_TENURE: Final = {
    months: f"from {max([0, *(edge for edge in _BANDS if edge <= months)])}"
    for months in range(SCHEMA["tenure"]["max"] + 1)
}
_FLAGS: Final = {True: "yes", False: "no"}


def _itself(values: tuple[str, ...]) -> dict[str, str]:
    return {value: value for value in values}


_CHARGES = Numeric("monthly_charges", 50.0)
_CONTRACT = Banded("contract", _itself(CONTRACTS))
_PAYMENT = Banded("payment_method", _itself(PAYMENTS))
_INTERNET = Banded("internet_service", _itself(INTERNET))

DESIGNS: Final[Mapping[str, Design]] = {
    "1.2.0": Design((Numeric("tenure", 25.0), _CHARGES, _CONTRACT, _PAYMENT, _INTERNET)),
    "1.3.0": Design(
        (
            Banded("tenure", _TENURE),
            _CHARGES,
            Numeric("total_charges", 2000.0),
            _CONTRACT,
            _PAYMENT,
            _INTERNET,
            *(
                Banded(feature, _FLAGS)
                for feature in (
                    "phone_service",
                    "multiple_lines",
                    "online_security",
                    "tech_support",
                )
            ),
        )
    ),
}
ABOUT: Final = {
    "1.2.0": "Five features, tenure as a straight line. Its metrics are of 2,000 customers it never saw.",
    "1.3.0": "All ten features, tenure in seven bands. Its metrics are of 2,000 customers it never saw.",
}


@dataclass(frozen=True, slots=True)
class Trained:
    card: dict[str, Any]
    metrics: dict[str, float]

    def document(self) -> dict[str, Any]:
        return {"metrics": self.metrics, "card": self.card}


def train(label: str) -> Trained:
    customers = make_customers(CUSTOMERS, SEED)
    seen, unseen = customers[HELD_OUT:], customers[:HELD_OUT]
    card = fit_card(
        DESIGNS[label], [each.features for each in seen], [each.has_left for each in seen]
    )
    return Trained(card, measure(card, unseen))


def measure(card: Mapping[str, Any], customers: list[Customer]) -> dict[str, float]:
    """As the server would answer: the same checker and the same scorer."""
    check, scorer = compile_schema(SCHEMA).check, bind(read_scorecard(card), SCHEMA)
    said = [scorer.score(check(dict(each.features))).prediction == 1 for each in customers]
    both = sum(1 for each, says in zip(customers, said, strict=True) if says and each.has_left)
    right = sum(1 for each, says in zip(customers, said, strict=True) if says == each.has_left)
    return {
        "accuracy": round(right / len(customers), DIGITS),
        "precision": round(both / sum(said), DIGITS),
        "recall": round(both / sum(each.has_left for each in customers), DIGITS),
    }
