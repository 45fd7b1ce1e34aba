"""Customers of a telephone company who do not exist, and which of them left; the same ones for the same seed.

Drawn by `Random.random()` alone, whose numbers Python promises to keep from release to release.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from apps.models.domain.schema import Schema, Value

CONTRACTS: Final = ("Month-to-month", "One year", "Two year")
PAYMENTS: Final = ("Electronic check", "Mailed check", "Bank transfer", "Credit card")
INTERNET: Final = ("DSL", "Fiber optic", "No")

# Every feature has a default, what is usual among the customers, so that a call may say as little as it knows.
SCHEMA: Final[Schema] = {
    "tenure": {"type": "integer", "min": 0, "max": 100, "default": 24},
    "monthly_charges": {"type": "number", "min": 0, "max": 200, "default": 70.0},
    "total_charges": {"type": "number", "min": 0, "max": 20_000, "default": 1400.0},
    "contract": {"type": "string", "enum": list(CONTRACTS), "default": "Month-to-month"},
    "payment_method": {"type": "string", "enum": list(PAYMENTS), "default": "Electronic check"},
    "internet_service": {"type": "string", "enum": list(INTERNET), "default": "DSL"},
    "phone_service": {"type": "boolean", "default": True},
    "multiple_lines": {"type": "boolean", "default": False},
    "online_security": {"type": "boolean", "default": False},
    "tech_support": {"type": "boolean", "default": False},
}
EXAMPLE: Final[dict[str, Value]] = {
    "tenure": 12,
    "monthly_charges": 65.0,
    "total_charges": 780.0,
    "contract": "Month-to-month",
    "payment_method": "Electronic check",
    "internet_service": "DSL",
    "phone_service": True,
    "multiple_lines": False,
    "online_security": False,
    "tech_support": False,
}

_BINDING: Final = {"Month-to-month": 1.2, "One year": -0.9, "Two year": -2.4}
_PAYING: Final = {
    "Electronic check": 0.3, "Mailed check": 0.1, "Bank transfer": -0.4, "Credit card": -0.4,
}  # fmt: skip
_LINE: Final = {"DSL": -2.0, "Fiber optic": 1.6, "No": -1.4}


@dataclass(frozen=True, slots=True)
class Customer:
    features: Mapping[str, Any]
    has_left: bool


def make_customers(count: int, seed: int) -> list[Customer]:
    chance = Random(seed)  # noqa: S311 - people who do not exist need no cryptography
    return [_customer(chance) for _ in range(count)]


def _customer(chance: Random) -> Customer:
    draw = chance.random
    contract = _choose(draw(), CONTRACTS, (0.55, 0.21, 0.24))
    longest = {"Month-to-month": 45, "One year": 75, "Two year": 101}[contract]
    tenure = int(longest * draw() ** 1.3)
    internet = _choose(draw(), INTERNET, (0.36, 0.43, 0.21))
    has_phone = internet == "No" or draw() < 0.88
    has_lines = has_phone and draw() < 0.45
    is_online = internet != "No"
    has_security = is_online and draw() < 0.38
    has_support = is_online and draw() < 0.38
    base = {"DSL": 42.0, "Fiber optic": 70.0, "No": 12.0}[internet]
    extras = 9.0 * has_phone + 6.0 * has_lines + 5.0 * has_security + 5.0 * has_support
    monthly = round(base + extras + 16.0 * draw(), 2)
    features = {
        "tenure": tenure,
        "monthly_charges": monthly,
        "total_charges": round(tenure * monthly * (0.94 + 0.12 * draw()), 2),
        "contract": contract,
        "payment_method": _choose(draw(), PAYMENTS, (0.34, 0.23, 0.22, 0.21)),
        "internet_service": internet,
        "phone_service": has_phone,
        "multiple_lines": has_lines,
        "online_security": has_security,
        "tech_support": has_support,
    }
    return Customer(features, draw() < 1 / (1 + math.exp(-_pull(features))))


def _pull(of: Mapping[str, Any]) -> float:
    """How strongly a customer is drawn away, in log-odds. Most leave early, which no straight line through tenure says."""
    pull: float = (
        -1.15
        + 2.9 * math.exp(-of["tenure"] / 9)
        - 0.012 * of["tenure"]
        + 0.022 * (of["monthly_charges"] - 65)
        + _BINDING[of["contract"]]
        + _PAYING[of["payment_method"]]
        + _LINE[of["internet_service"]]
        + 0.5 * of["multiple_lines"]
        - 1.1 * of["online_security"]
        - 1.0 * of["tech_support"]
    )
    return pull


def _choose(drawn: float, among: tuple[str, ...], shares: tuple[float, ...]) -> str:
    for one, share in zip(among, shares, strict=True):
        if drawn < share:
            return one
        drawn -= share
    return among[-1]
