"""Counters, one registry for every app, safe across processes.

With several workers prometheus-client keeps its values in memory-mapped files (`serve` names the directory).
Labels are bounded: routes, never paths. Series of an organisation carry its id in the label `organization`; the process-wide ones have none and are the operator's alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import Any

from django.conf import settings
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from apps.core.asgi.pool import shared_pool
from apps.core.asgi.request import GateRequest

registry = CollectorRegistry()

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

REQUESTS = Counter(
    "signalbox_requests",
    "HTTP requests answered.",
    ["organization", "method", "route", "status"],
    registry=registry,
)
LATENCY = Histogram(
    "signalbox_request_seconds",
    "Time from the first byte to the last.",
    ["method", "route"],
    buckets=BUCKETS,
    registry=registry,
)
LIMITED = Counter(
    "signalbox_limited", "Calls refused for their rate.", ["organization"], registry=registry
)
POOL_WAITING = Gauge(
    "signalbox_pool_waiting",
    "Calls in or before the thread pool.",
    multiprocess_mode="livesum",
    registry=registry,
)
SOCKETS = Gauge(
    "signalbox_sockets", "Open sockets.", multiprocess_mode="livesum", registry=registry
)

_sources: list[Collector] = []
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_children: dict[tuple[str, ...], tuple[Any, Any]] = {}


def observe_request(request: GateRequest, status: int) -> None:
    match = request.resolver_match
    route = match.route if match else ("page" if status < 400 else "none")
    organization = request.actor.identity.organization if request.actor else ""
    method = request.META["REQUEST_METHOD"] if match else "ANY"
    if method not in METHODS:  # a page resolves before its method is looked at
        method = "ANY"
    key = (organization, method, route, str(status))
    children = _children.get(key)
    if children is None:
        children = _children[key] = (REQUESTS.labels(*key), LATENCY.labels(method, route))
    children[0].inc()
    children[1].observe(perf_counter() - request.started)
    if status == 429:
        LIMITED.labels(organization).inc()


def take_readings() -> None:
    """What is not counted but looked at; each process looks for itself now and then."""
    POOL_WAITING.set(shared_pool().waiting)


def exposition(organization: str | None) -> bytes:
    """The Prometheus text: one organisation's series, or with None (the operator) every series there is."""
    take_readings()
    source = _whole_registry()
    if organization is None:
        return generate_latest(source)
    return generate_latest(_Only(source, organization))


def add_source(source: Collector) -> None:
    """Series that are no process's own: read anew at each exposition, and told once however many processes there are."""
    _sources.append(source)
    registry.register(source)


def _whole_registry() -> CollectorRegistry:
    if not settings.SIGNALBOX_METRICS_DIR:
        return registry
    merged = CollectorRegistry()
    multiprocess.MultiProcessCollector(merged)  # type: ignore[no-untyped-call]  # not theirs
    for source in _sources:
        merged.register(source)
    return merged


class _Only:
    """A registry's samples of one organisation."""

    def __init__(self, source: CollectorRegistry, organization: str) -> None:
        self._source = source
        self._organization = organization

    def collect(self) -> Iterable[Metric]:
        for family in self._source.collect():
            samples = [
                s for s in family.samples if s.labels.get("organization") == self._organization
            ]
            if samples:
                own = Metric(family.name, family.documentation, family.type, family.unit)
                own.samples = samples
                yield own
