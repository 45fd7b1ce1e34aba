"""The spool's own counters. Counted as plain numbers while records are written, published at each tick."""

from __future__ import annotations

from dataclasses import dataclass, fields

from prometheus_client import Counter, Gauge

from apps.core.metrics import registry

_LABELS = ["kind"]
RECORDS = Counter("signalbox_spool_records", "Records written.", _LABELS, registry=registry)
BYTES = Counter("signalbox_spool_bytes", "Bytes written.", _LABELS, registry=registry)
DRAINED = Counter("signalbox_spool_drained", "Records handed on.", _LABELS, registry=registry)
DROPPED = Counter("signalbox_spool_dropped", "Records for which no room was left.", _LABELS, registry=registry)  # fmt: skip
REFUSED = Counter("signalbox_spool_refused", "Records their drain could not take, set aside.", _LABELS, registry=registry)  # fmt: skip
SKIPPED = Counter("signalbox_spool_skipped_bytes", "Bytes of damaged records.", _LABELS, registry=registry)  # fmt: skip
BACKLOG = Gauge("signalbox_spool_backlog_bytes", "Bytes not handed on yet.", _LABELS, multiprocess_mode="livesum", registry=registry)  # fmt: skip
LAG = Gauge("signalbox_spool_lag_seconds", "Since when something has been waiting.", _LABELS, multiprocess_mode="livemax", registry=registry)  # fmt: skip


@dataclass(slots=True)
class Counts:
    """What happened to one kind in this process."""

    records: int = 0
    bytes: int = 0
    drained: int = 0
    dropped: int = 0
    refused: int = 0
    skipped: int = 0


_COUNTERS = {
    "records": RECORDS,
    "bytes": BYTES,
    "drained": DRAINED,
    "dropped": DROPPED,
    "refused": REFUSED,
    "skipped": SKIPPED,
}


def publish_counts(kind: str, now: Counts, before: Counts) -> Counts:
    """Add what came since the last time; answers the state to compare with next time."""
    for item in fields(Counts):
        grown = getattr(now, item.name) - getattr(before, item.name)
        if grown:
            _COUNTERS[item.name].labels(kind).inc(grown)
    return Counts(**{item.name: getattr(now, item.name) for item in fields(Counts)})


def publish_backlog(kind: str, backlog: int, lag: float) -> None:
    BACKLOG.labels(kind).set(backlog)
    LAG.labels(kind).set(lag)
