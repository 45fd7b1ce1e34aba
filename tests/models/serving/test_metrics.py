"""Counters of predictions: what came since the last publication, once."""

from __future__ import annotations

import pytest

from apps.models.serving import metrics

pytestmark = pytest.mark.unit
KEY = ("org_metrics", "churn", "1")


def told() -> list[float]:
    counters = (metrics.REQUESTS, metrics.ROWS, metrics.ERRORS, metrics.CACHED)
    return [counter.labels(*KEY)._value.get() for counter in counters]


def test_what_came_meanwhile_is_told_once() -> None:
    metrics.observe(KEY, 0.01, rows=3, errors=1, cached=0)
    metrics.observe(KEY, 0.01, rows=1, errors=0, cached=1)
    metrics.publish()
    metrics.publish()
    assert told() == [2, 4, 1, 1]

    metrics.observe(KEY, 0.01, rows=5, errors=0, cached=0)
    metrics.publish()
    assert told() == [3, 9, 1, 1]


def test_publishing_takes_nothing_off_what_is_counted() -> None:
    """The loop counts while the ticker's thread publishes: each writes what the other does not."""
    metrics.observe(KEY, 0.01, rows=1, errors=0, cached=0)
    sums = metrics._sums[KEY]
    before = (sums.requests, sums.rows, sums.errors, sums.cached)
    metrics.publish()

    assert (sums.requests, sums.rows, sums.errors, sums.cached) == before
