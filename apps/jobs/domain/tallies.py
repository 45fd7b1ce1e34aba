"""What is counted of jobs beside their final states, and the buckets of their run times."""

from __future__ import annotations

from bisect import bisect_left

RETRIED = "retried"
LOST = "lost"
"""A lease ran out: its worker died or slept."""
BUCKETS = (0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Upper bounds in seconds, included; one more bucket holds what lies above the last."""


def bucket_of(seconds: float) -> int:
    return bisect_left(BUCKETS, seconds)
