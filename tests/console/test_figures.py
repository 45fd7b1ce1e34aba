"""Numbers as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.console import figures

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (12_345, "12,345"),
        (999_999, "999,999"),
        (3_214_000, "3.21 M"),
        (2 * 10**9, "2.00 B"),
    ],
)
def test_count(number, text):
    assert figures.count(number) == text


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0"),
        (1, "$0.000000001"),
        (126_400, "$0.000126"),
        (500_000_000, "$0.50"),
        (30_000_000, "$0.03"),
        (1_000_000_000, "$1.00"),
        (1_204_499_000_000, "$1,204.50"),
    ],
)
def test_dollars(nano, text):
    assert figures.dollars(nano) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (None, ""),
        (0.43, "0.4 ms"),
        (412.4, "412 ms"),
        (2413, "2.41 s"),
        (192_000, "3.2 min"),
    ],
)
def test_milliseconds(length, text):
    assert figures.milliseconds(length) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "0 %"), (0, 9, "0 %"), (1, 300, "0.33 %"), (1, 20, "5 %"), (1, 3, "33 %")],
)
def test_percent(part, whole, text):
    assert figures.percent(part, whole) == text


def test_plain_has_no_exponent():
    assert str(figures.plain(Decimal("250.000000000"))) == "250"
