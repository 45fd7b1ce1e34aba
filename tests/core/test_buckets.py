"""The splitter: even, the same everywhere, monotone when a share grows."""

from __future__ import annotations

from collections import Counter

import pytest

from apps.core.buckets import BUCKETS, bucket_of, pick


def test_bucket_of_is_the_same_for_ever() -> None:
    assert [bucket_of(subject, "route_1") for subject in ("a", "b", "grüße")] == [
        bucket_of(subject, "route_1") for subject in ("a", "b", "grüße")
    ]
    assert bucket_of("customer-1", "exp") != bucket_of("customer-1", "other")


def test_bucket_of_spreads_evenly() -> None:
    counts = Counter(bucket_of(f"subject-{n}", "salt") // 1000 for n in range(20_000))

    assert set(counts) == set(range(10))
    assert all(1800 < count < 2200 for count in counts.values())


def test_pick_gives_each_share_its_buckets() -> None:
    picked = Counter(pick([50, 30, 20], bucket) for bucket in range(BUCKETS))

    assert picked == {0: 5000, 1: 3000, 2: 2000}


def test_pick_when_a_share_grows_moves_nobody_back() -> None:
    before = {bucket for bucket in range(BUCKETS) if pick([90, 10], BUCKETS - 1 - bucket) == 1}
    after = {bucket for bucket in range(BUCKETS) if pick([50, 50], BUCKETS - 1 - bucket) == 1}

    assert before < after


def test_pick_skips_what_has_no_share() -> None:
    assert {pick([0, 1, 0], bucket) for bucket in range(0, BUCKETS, 7)} == {1}


def test_pick_when_nothing_has_a_share_refuses() -> None:
    with pytest.raises(ValueError, match="no share"):
        pick([0, 0], 5)
