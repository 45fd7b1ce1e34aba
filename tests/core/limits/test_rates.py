from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.limits.rates import MAX_LIMIT, MAX_WINDOW_SECONDS, Rate, parse_rate

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "limit", "window_seconds"),
    [
        ("5/s", 5, 1),
        ("100/m", 100, 60),
        ("1000/h", 1000, 3600),
        ("7/d", 7, 86_400),
        ("5/30s", 5, 30),
        ("5/15m", 5, 900),
        ("1/30d", 1, MAX_WINDOW_SECONDS),
        ("100000/m", MAX_LIMIT, 60),
    ],
)
def test_parse_rate_reads_a_canonical_text_and_str_gives_it_back(
    text: str, limit: int, window_seconds: int
) -> None:
    rate = parse_rate(text)

    assert rate == Rate(limit=limit, window_seconds=window_seconds)
    assert str(rate) == text


def test_str_chooses_the_longest_unit_that_divides_the_window() -> None:
    assert str(parse_rate("5/60s")) == "5/m"
    assert str(parse_rate("5/90s")) == "5/90s"
    assert str(parse_rate("5/120s")) == "5/2m"
    assert str(parse_rate("5/24h")) == "5/d"


@given(
    limit=st.integers(1, MAX_LIMIT),
    window_seconds=st.integers(1, MAX_WINDOW_SECONDS),
)
def test_parse_rate_reads_back_what_str_wrote(limit: int, window_seconds: int) -> None:
    rate = Rate(limit=limit, window_seconds=window_seconds)

    assert parse_rate(str(rate)) == rate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "100",
        "/m",
        "100/",
        "100/x",
        "m/100",
        "-1/m",
        "+1/m",
        "1.5/m",
        "1e3/m",
        " 5/m",
        "5/m\n",
        "5/ m",
        "5/0s",
        "0/m",
        "05/m",
        "5/05s",
        "٥/m",
        "5/M",
        "5/m/m",
        "100/minute",
        "9" * 400 + "/m",
        None,
        100,
        True,
        ["100/m"],
        {"limit": 5},
        b"5/m",
    ],
)
def test_parse_rate_refuses_anything_else_with_a_sentence(text: object) -> None:
    with pytest.raises(
        ValueError, match="is not a rate: write hits, a slash and a window, such as"
    ):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("100001/m", "A rate allows between 1 and 100000 hits, not 100001."),
        ("5/31d", "A rate's window is between 1s and 30d, not 2678400s."),
    ],
)
def test_parse_rate_refuses_what_would_not_fit_in_memory(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole sentence is compared below
        parse_rate(text)

    assert str(caught.value) == sentence


@pytest.mark.parametrize(("limit", "window_seconds"), [(0, 60), (-1, 60), (5, 0), (5, -60)])
def test_rate_refuses_nothing_and_less(limit: int, window_seconds: int) -> None:
    with pytest.raises(ValueError, match="between 1"):
        Rate(limit=limit, window_seconds=window_seconds)
