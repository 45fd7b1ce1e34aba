"""Variables that are wrong end in a sentence that names them, not in a traceback."""

from __future__ import annotations

import pytest

from apps.core.limits.rates import MAX_LIMIT, MAX_WINDOW_SECONDS, Rate
from config.env import Environment, read_environment


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RATE_LIMIT_REQUESTS", "100001", "Input should be less than or equal to 100000"),
        ("RATE_LIMIT_REQUESTS", "0", "Input should be greater than or equal to 1"),
        ("RATE_LIMIT_WINDOW", "2592001", "Input should be less than or equal to 2592000"),
        ("RATE_LIMIT_RPS", "10001", "Input should be less than or equal to 10000"),
        ("RATE_LIMIT_BURST", "90001", "Input should be less than or equal to 90000"),
    ],
)
def test_read_environment_says_which_variable_is_wrong(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as stopped:
        read_environment()

    assert str(stopped.value) == f"The configuration cannot be used:\n  {name}: {said}"


def test_the_largest_limits_are_rates() -> None:
    most = Environment(
        rate_limit_requests=MAX_LIMIT,
        rate_limit_window=MAX_WINDOW_SECONDS,
        rate_limit_rps=10_000,
        rate_limit_burst=90_000,
    )

    assert Rate(most.rate_limit_requests, most.rate_limit_window).limit == MAX_LIMIT
    assert Rate(most.rate_limit_rps * 10, 10).limit == MAX_LIMIT
    assert Rate(most.rate_limit_rps + most.rate_limit_burst, 1).limit == MAX_LIMIT
