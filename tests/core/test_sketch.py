"""Quantiles within two hundredths of the truth, merged or not."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.sketch import Sketch

pytestmark = pytest.mark.unit

values = st.lists(st.floats(0.01, 1e7), min_size=1, max_size=200)
shares = st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0])


def sketch_of(numbers: list[float]) -> Sketch:
    sketch = Sketch()
    for number in numbers:
        sketch.add(number)
    return sketch


@given(values, shares)
def test_quantile_is_within_two_hundredths(numbers: list[float], share: float):
    true = sorted(numbers)[max(1, ceil(share * len(numbers))) - 1]

    told = sketch_of(numbers).quantile(share)

    assert told is not None
    assert abs(told - true) <= 0.02 * true


@given(values, values)
def test_merge_equals_one_sketch_of_all(ours: list[float], theirs: list[float]):
    merged = Sketch.read(sketch_of(ours).kept())
    merged.merge(sketch_of(theirs))

    assert merged.kept() == sketch_of(ours + theirs).kept()
    assert merged.count == len(ours) + len(theirs)


def test_quantiles_of_nothing_are_none():
    assert Sketch().quantiles([0.5, 0.99]) == [None, None]


def test_quantiles_in_rising_order_are_those_asked_for_alone():
    sketch = sketch_of([float(number) for number in range(1, 1001)])

    assert sketch.quantiles([0.5, 0.95, 0.99]) == [
        sketch.quantile(share) for share in (0.5, 0.95, 0.99)
    ]


def test_add_takes_zero_and_below_as_the_smallest():
    assert sketch_of([0.0, -5.0]).kept() == sketch_of([0.001, 0.001]).kept()


@given(values)
def test_mean_is_within_two_hundredths(numbers: list[float]):
    true = sum(numbers) / len(numbers)

    told = sketch_of(numbers).mean

    assert told is not None
    assert abs(told - true) <= 0.02 * true


def test_mean_of_nothing_is_none():
    assert Sketch().mean is None
