"""Predictions on their way from the spool into the log: a row for each that is logged, sums by the hour of them all.

Each call counts once. Its rows and what it adds to the sums are written in one transaction, so a call whose first row
is there was counted; and the spool hands over in the order it was written to, so what stands before such a call in the
same spool was counted too. Left are calls of which nothing is logged, at the very end of a batch, where the process died
between that transaction and noting how far it had come: these are counted twice, at most as many as one batch holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.core import live
from apps.core.housekeeping import drop_in_batches
from apps.core.sketch import Sketch
from apps.core.spool.process import Record
from apps.core.sums import Key, add_rows
from apps.core.tenancy import unscoped
from apps.models.domain.log import Entry, Line
from apps.models.models import PredictionHour, PredictionRecord
from apps.models.services import prediction_rows
from apps.tenants.queries import organizations

REASON = "one spool carries the predictions of every organisation"
TOPIC = "prediction.events"
MOST_LINES = 2000
"""Rows in one transaction, but for a call that has more: on SQLite nobody else writes meanwhile."""
HOUR_KEY = ("organization_id", "hour", "model_key", "version")
COUNTED = ("predictions", "errors", "cached")
Entries = list[tuple[str, Entry]]


def drain_predictions(records: list[Record]) -> None:
    """Take a batch in, in pieces of which each is a transaction."""
    entries = [(record.id, prediction_rows.read(record)) for record in records]
    with unscoped(reason=REASON):
        for piece in _pieces(entries):
            try:
                fresh = _take(piece)
            except IntegrityError:
                # Met before. That is rare, so it is asked for only then.
                fresh = _take(piece, is_met=True)
            _publish(fresh)


def sweep_predictions() -> None:
    """Drop rows that are kept no longer. Sums by the hour stay."""
    ended = timezone.now() - settings.SIGNALBOX_PREDICTION_RETENTION
    with unscoped(reason="housekeeping for every organisation"):
        drop_in_batches(PredictionRecord.objects.filter(at__lt=ended))


def _pieces(entries: Entries) -> Iterator[Entries]:
    piece: Entries = []
    lines = 0
    for record, entry in entries:
        if piece and lines + len(entry.lines) > MOST_LINES:
            yield piece
            piece, lines = [], 0
        piece.append((record, entry))
        lines += len(entry.lines)
    if piece:
        yield piece


def _take(entries: Entries, *, is_met: bool = False) -> list[Entry]:
    with transaction.atomic():
        if is_met:
            entries = _not_counted_yet(entries)
        fresh = _of_living([entry for _, entry in entries])
        prediction_rows.insert(fresh)
        _add_to_hours(fresh)
    return fresh


def _not_counted_yet(entries: Entries) -> Entries:
    ids = {record: first for record, entry in entries if (first := _first_id(entry))}
    rows = PredictionRecord.objects.filter(public_id__in=ids.values())
    known = set(rows.values_list("public_id", flat=True))
    counted: dict[str, int] = {}
    for place, (record, _) in enumerate(entries):
        if ids.get(record) in known:
            counted[_spool_of(record)] = place
    return [
        (record, entry)
        for place, (record, entry) in enumerate(entries)
        if place > counted.get(_spool_of(record), -1)
    ]


def _first_id(entry: Entry) -> str:
    return next((line.id for line in entry.lines if line.id), "")


def _spool_of(record: str) -> str:
    """Whose record it is: its id ends with segment and offset."""
    return record.rsplit(".", 2)[0]


def _of_living(entries: list[Entry]) -> list[Entry]:
    alive = organizations.existing({entry.organization for entry in entries})
    return [entry for entry in entries if entry.organization in alive]


# ---------------------------------------------------------------- sums


def _add_to_hours(entries: Iterable[Entry]) -> None:
    added: dict[Key, PredictionHour] = {}
    for entry in entries:
        hour = entry.at.replace(minute=0, second=0, microsecond=0)
        key = (entry.organization, hour, entry.model_key, entry.version)
        row = added.get(key) or added.setdefault(key, _hour(key, entry))
        row.predictions += entry.predictions
        row.errors += entry.errors
        row.cached += entry.cached
        row.duration.add(entry.duration_ms)
        row.last_at = max(row.last_at, entry.at)
    changed = (*COUNTED, "duration", "last_at")
    add_rows(PredictionHour, HOUR_KEY, added, _merge, changed, begun=("model", "last_at"))


def _hour(key: tuple[int, datetime, int, str], entry: Entry) -> PredictionHour:
    named = dict(zip(HOUR_KEY, key, strict=True))
    return PredictionHour(**named, model=entry.model, duration=Sketch(), last_at=entry.at)


def _merge(row: Any, more: Any) -> None:
    for name in COUNTED:
        setattr(row, name, getattr(row, name) + getattr(more, name))
    sketch = Sketch.read(row.duration)
    sketch.merge(more.duration)
    row.duration = sketch.kept()
    row.last_at = max(row.last_at, more.last_at)


# ---------------------------------------------------------------- those who look on


def _publish(entries: list[Entry]) -> None:
    """What the log took, to whoever follows. Never fails: the rows are there."""
    followed = live.followed(TOPIC)
    rows: dict[int, list[dict[str, Any]]] = {}
    for entry in entries:
        if entry.organization in followed:
            told = rows.setdefault(entry.organization, [])
            told.extend(_told(entry, line) for line in entry.lines if line.id)
    for organization, told in rows.items():
        live.publish_records(TOPIC, organization, told)


def _told(entry: Entry, line: Line) -> dict[str, Any]:
    """Without its features: these are read one by one, by who may."""
    return {
        "type": "prediction",
        "id": line.id,
        "model": entry.model,
        "version": entry.version,
        "at": entry.at,
        "prediction": line.prediction,
        "probability": line.probability,
        "customer_id": line.customer,
        "is_cached": prediction_rows.is_cached(entry),
        "ms": entry.duration_ms,
    }
