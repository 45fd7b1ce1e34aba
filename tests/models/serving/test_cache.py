"""Answers remembered: for their time, as many as there is room for, each row and version for itself."""

from __future__ import annotations

import pytest

from apps.models.domain.scoring import Scored
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
