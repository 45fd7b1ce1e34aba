"""Counters of predictions, under the names that dashboards of such servers look for. Published by the second, not the call."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import Counter, Histogram

from apps.core.metrics import registry

_LABELS = ["organization", "model", "version"]
MOST_SERIES = 5_000
REST = "other"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

REQUESTS = Counter("prediction_requests", "Total number of prediction requests", _LABELS, registry=registry)  # fmt: skip
ROWS = Counter("prediction_rows", "Rows predicted; a batch has many.", _LABELS, registry=registry)
ERRORS = Counter("prediction_errors", "Requests that the model could not answer.", _LABELS, registry=registry)  # fmt: skip
CACHED = Counter("prediction_cache_hits", "Requests answered from memory.", _LABELS, registry=registry)  # fmt: skip
LATENCY = Histogram("prediction_latency_seconds", "Request latency in seconds", _LABELS, buckets=SECONDS, registry=registry)  # fmt: skip

Key = tuple[str, str, str]


@dataclass(slots=True)
class Sums:
    """Of one version, ever since; `published` is what the ticker's thread has told of them, and nobody else's to touch."""

    latency: Histogram
    published: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    rows: int = 0
    errors: int = 0
    cached: int = 0


_sums: dict[Key, Sums] = {}


def observe(key: Key, seconds: float, *, rows: int, errors: int, cached: int) -> None:
    sums = _sums.get(key) or _open(key)
    sums.requests += 1
    sums.rows += rows
    sums.errors += errors
    sums.cached += cached
    sums.latency.observe(seconds)


def publish() -> None:
    """The ticker's call: add what came since the last one."""
    for key, sums in list(_sums.items()):
        for counter, name in ((REQUESTS, "requests"), (ROWS, "rows"), (ERRORS, "errors"), (CACHED, "cached")):  # fmt: skip
            total = getattr(sums, name)
            if count := total - sums.published.get(name, 0):
                sums.published[name] = total
                counter.labels(*key).inc(count)


def _open(key: Key) -> Sums:
    if len(_sums) >= MOST_SERIES:
        key = (key[0], REST, REST)
        if (known := _sums.get(key)) is not None:
            return known
    sums = _sums[key] = Sums(LATENCY.labels(*key))
    return sums
