from __future__ import annotations

import pytest

from apps.providers.domain.calls import Usage
from apps.providers.domain.costs import bound_cost, cost_of
from apps.providers.domain.tables import Price

DOLLAR = 1_000_000_000


@pytest.mark.parametrize(
    ("price", "usage", "nano"),
    [
        (Price(), Usage(1000, 1000), 0),
        (Price(DOLLAR, 2 * DOLLAR), Usage(1_000_000, 500_000), 2 * DOLLAR),
        (Price(DOLLAR, 2 * DOLLAR), Usage(9, 3), 15_000),
        (Price(1, 1), Usage(1, 0), 1),
        (Price(1, 1), Usage(1, 1), 1),
        (Price(DOLLAR, 0, DOLLAR // 10), Usage(1000, 0, cached_tokens=400), 640_000),
        (Price(DOLLAR, 0), Usage(1000, 0, cached_tokens=400), 1_000_000),
    ],
)
def test_cost_of(price: Price, usage: Usage, nano: int) -> None:
    assert cost_of(price, usage) == nano


def test_bound_cost_takes_the_dearest_input() -> None:
    assert bound_cost(Price(DOLLAR, DOLLAR, 2 * DOLLAR), 1000, 1000) == 3_000_000
    assert bound_cost(Price(DOLLAR, DOLLAR), 1000, 1000) == 2_000_000
