"""Shapley values against a brute force that follows the definition word by word, and against functions solved by hand."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import combinations
from math import factorial, sin

import pytest

from apps.models.domain.explanations import BUDGET, MOST_EXACT, plan_shapley
from apps.models.domain.schema import Row
from apps.models.errors import ScoringFailed
from tests.rig.environment import ROOT

pytestmark = pytest.mark.unit
Function = Callable[[Sequence[float]], float]


def explained(
    function: Function, row: Sequence[float], background: Sequence[Sequence[float]], **how: int
) -> tuple[float, tuple[float, ...]]:
    plan = plan_shapley(tuple(row), [tuple(each) for each in background], **how)
    return plan.finish([function(each) for each in plan.rows])  # type: ignore[arg-type]  # numbers alone


def brute_force(
    function: Function, row: Sequence[float], background: Sequence[Sequence[float]]
) -> tuple[float, list[float]]:
    players = range(len(row))

    def worth(coalition: set[int]) -> float:
        mixed = [
            [row[at] if at in coalition else each[at] for at in players] for each in background
        ]
        return sum(map(function, mixed)) / len(background)

    values = []
    for player in players:
        others = [each for each in players if each != player]
        value = 0.0
        for size in range(len(row)):
            weight = factorial(size) * factorial(len(row) - size - 1) / factorial(len(row))
            for chosen in combinations(others, size):
                value += weight * (worth({*chosen, player}) - worth(set(chosen)))
        values.append(value)
    return worth(set()), values


def crooked(row: Sequence[float]) -> float:
    return row[0] * row[-1] + sum(row) ** 2 + sin(3 * row[len(row) // 2])


def drawn(width: int, count: int, seed: int = 1) -> list[tuple[float, ...]]:
    source = random.Random(seed)
    return [tuple(source.uniform(-1, 1) for _ in range(width)) for _ in range(count)]


@pytest.mark.parametrize(
    ("width", "count"), [(1, 1), (1, 5), (2, 3), (3, 1), (4, 7), (6, 2), (7, 1)]
)
def test_few_coalitions_are_exact(width: int, count: int) -> None:
    row, *background = drawn(width, count + 1)

    base, values = explained(crooked, row, background)

    wanted_base, wanted = brute_force(crooked, row, background)
    assert base == pytest.approx(wanted_base, abs=1e-12)
    assert values == pytest.approx(wanted, abs=1e-12)


def test_values_of_a_sum_are_its_terms_against_the_mean() -> None:
    """Exact for permutations too: each feature adds the same wherever it stands in line."""
    weights = [1.0, -2.0, 3.0, 0.0, 0.5, 7.0, -1.0, 2.0, 4.0, -3.0, 1.5, 0.25]
    row, *background = drawn(len(weights), 21)

    def linear(each: Sequence[float]) -> float:
        return sum(weight * value for weight, value in zip(weights, each, strict=True))

    base, values = explained(linear, row, background)

    means = [sum(column) / len(background) for column in zip(*background, strict=True)]
    assert values == pytest.approx(
        [weight * (value - mean) for weight, value, mean in zip(weights, row, means, strict=True)]
    )
    assert base == pytest.approx(linear(means))


def test_a_product_is_shared_by_halves() -> None:
    base, values = explained(lambda row: row[0] * row[1], (3.0, 5.0), [(0.0, 0.0)])

    assert (base, values) == (0.0, (7.5, 7.5))


def test_permutations_come_near_the_exact_values() -> None:
    row, *background = drawn(10, 31)

    base, values = explained(crooked, row, background)

    wanted_base, wanted = brute_force(crooked, row, background[:30])
    assert base == pytest.approx(wanted_base, abs=1e-12)
    assert values == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize("width", [1, 2, 9, 10, 40, 300, 1000])
@pytest.mark.parametrize("count", [1, 7, 200])
def test_base_and_values_add_up(width: int, count: int) -> None:
    row, *background = drawn(width, count + 1)

    base, values = explained(crooked, row, background)

    assert len(values) == width
    assert base + sum(values) == pytest.approx(crooked(row), abs=1e-9)


def test_a_feature_like_the_background_is_worth_nothing() -> None:
    base, values = explained(crooked, (0.5, 0.1, 0.5), [(0.5, 0.3, 0.5)])

    assert (values[0], values[2]) == (0.0, 0.0)
    assert base + values[1] == pytest.approx(crooked((0.5, 0.1, 0.5)))


def test_a_row_like_its_background_is_the_base() -> None:
    assert explained(crooked, (0.5, 0.1), [(0.5, 0.1)]) == (crooked((0.5, 0.1)), (0.0, 0.0))


def test_words_flags_and_missing_values_are_features_too() -> None:
    def told(row: Row) -> float:
        return 1.0 * (row[0] == "yes") + 2.0 * (row[1] is True) + 4.0 * (row[2] is None)

    plan = plan_shapley(("yes", True, None), [("no", False, 1.0)])

    assert plan.finish([told(each) for each in plan.rows]) == (0.0, (1.0, 2.0, 4.0))


def test_the_base_is_the_same_for_every_row() -> None:
    """Whatever of the background is used is used for all rows alike."""
    rows = drawn(10, 5, seed=3)
    background = drawn(10, 150)
    near = (*rows[0][:2], *background[0][2:])  # differs from the first in two places alone

    bases = {explained(crooked, row, background)[0] for row in (*rows, near)}

    assert len(bases) == 1


def test_evaluations_are_bounded() -> None:
    for width, count in [(2, 200), (10, 1), (10, 200), (11, 1), (100, 200)]:
        row, *background = drawn(width, count + 1)
        assert len(plan_shapley(row, background).rows) <= max(MOST_EXACT, 2 * BUDGET), (
            width,
            count,
        )
    row, *background = drawn(5000, 3)
    assert len(plan_shapley(row, background).rows) < 1100


def test_a_row_is_explained_alike_in_every_process() -> None:
    code = """
from apps.models.domain.explanations import plan_shapley
row = tuple(float(each) for each in range(12)); words = ("a", None, True, 3)
plan = plan_shapley(row + words, [(0.0,) * 12 + ("b", "", False, 0)])
print(plan.finish([each[3] * each[5] + each[-4:].count('a') * each.count(0.0) for each in plan.rows]))
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(said) == 1


def test_outputs_beyond_all_numbers_are_refused() -> None:
    with pytest.raises(ScoringFailed):
        explained(lambda row: 1e308 * (1 if row[0] > 0.5 else -1), (1.0, 2.0), [(0.0, 0.0)])
