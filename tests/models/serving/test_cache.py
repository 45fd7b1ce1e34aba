"""Answers remembered: for their time, as many as there is room for, each row and version for itself."""

from __future__ import annotations

import pytest

from apps.models.domain.scoring import Explanation, Output, Scored
from apps.models.serving import cache
from apps.models.serving.cache import Cache, key_of
from tests.models.serving.fakes import view

pytestmark = pytest.mark.unit


def test_a_key_tells_organizations_versions_and_rows_apart() -> None:
    keys = {
        key_of("org_1", view(1), (1.0,)),
        key_of("org_2", view(1), (1.0,)),
        key_of("org_1", view(2), (1.0,)),
        key_of("org_1", view(1), (2.0,)),
        key_of("org_1", view(1), ("1.0",)),
        key_of("org_1", view(1), (True,)),
    }

    assert len(keys) == 6
    assert key_of("org_1", view(1), (1.0,)).startswith("predict:org_1:m:1:")


def test_an_answer_lasts_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Cache(10.0)
    kept.put("a", Scored(1), None)
    now = cache.monotonic()

    monkeypatch.setattr(cache, "monotonic", lambda: now + 9)
    assert kept.get("a") is not None
    monkeypatch.setattr(cache, "monotonic", lambda: now + 11)
    assert kept.get("a") is None


def test_the_answer_used_longest_ago_goes_first() -> None:
    kept = Cache(10.0, capacity=2)
    kept.put("a", Scored(1), None)
    kept.put("b", Scored(2), None)
    kept.get("a")
    kept.put("c", Scored(3), None)

    assert [kept.get(key) is not None for key in "abc"] == [True, False, True]


def test_wide_answers_take_the_place_of_many() -> None:
    """Thousands of explanations of thousands of features each would be gigabytes."""
    told = Explanation(0.0, (1.0,) * 6, Output.MARGIN)
    kept = Cache(10.0, most_values=20)
    for key in "abc":
        kept.put(key, Scored(1), told)
    kept.put("c", Scored(1), told)
    kept.put("d", Scored(1, 0.5, {"x": 0.5, "y": 0.5}), None)

    assert [kept.get(key) is not None for key in "abcd"] == [True, True, True, True]

    kept.put("e", Scored(1), told)
    assert [kept.get(key) is not None for key in "abcde"] == [False, True, True, True, True]
    kept.put("f", Scored(1), Explanation(0.0, (1.0,) * 21, Output.MARGIN))
    assert [kept.get(key) is not None for key in "abcdef"] == [False] * 6


def test_a_word_without_end_is_not_remembered() -> None:
    kept = Cache(10.0)
    kept.put("a", Scored("x" * (cache.LONGEST_LABEL + 1)), None)

    assert kept.get("a") is None
