"""What predictions turned out to be: joined to their rows, and added to the sums that accuracy is read from.

Outcomes are data and no configuration: like the predictions they belong to they are not in the audit trail. Each says on
its row what it was and when it was said, and is told on `prediction.events`; who called stands in the access records.

Rows are locked first, by their keys, then the sums are added to in one order: two who speak of the same predictions wait
for each other and never in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from threading import BoundedSemaphore
from time import monotonic, sleep
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from apps.core import live, rows
from apps.core.actor import Actor
from apps.core.errors import AppError, Invalid, NotFound
from apps.core.json import shown
from apps.core.permissions import require
from apps.models.domain.outcomes import Judge, Tally, judge_of
from apps.models.models import ModelVersion, OutcomeTally, PredictionRecord
from apps.models.permissions import ModelsPermission
from apps.models.queries.predictions import is_prediction_id, is_seen
from apps.models.services.prediction_log import TOPIC

MOST_OUTCOMES: Final = 1000
WORDS: Final = frozenset({"prediction_id", "actual"})
PATIENCE: Final = 2.0
"""Seconds: what was predicted just now may be on its way through the spool still."""
LOOK_SECONDS: Final = 0.1
MOST_WAITING: Final = 4
"""Calls of this process that look again at a time: they hold threads. One more is answered at once."""
_waiting = BoundedSemaphore(MOST_WAITING)
_SUMS: Final = tuple(each.name for each in fields(Tally))
_KEY: Final = ("organization_id", "hour", "model_key", "version")
Key = tuple[int, datetime, int, str]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of many outcomes. `rejected` is in their order."""

    accepted: int
    rejected: list[Rejected]


@dataclass(frozen=True, slots=True)
class Rejected:
    index: int
    error: AppError


@dataclass(slots=True)
class _Said:
    index: int
    id: Any
    actual: Any


def record_outcome(*, actor: Actor, prediction_id: str, actual: Any) -> PredictionRecord:
    """Said again, it corrects what was said before. Raises `PermissionDenied`, `NotFound`, `Invalid`."""
    require(actor, ModelsPermission.PREDICT)
    found, rejected = _record(actor, [_Said(0, prediction_id, actual)])
    if rejected:
        raise rejected[0].error
    return found[0]


def record_outcomes(*, actor: Actor, outcomes: Sequence[Mapping[str, Any]]) -> Taken:
    """Many, `{prediction_id, actual}` each; what is wrong with one keeps none of the others out.

    One prediction said twice keeps the last. Raises `PermissionDenied`, and `Invalid` for too many.
    """
    require(actor, ModelsPermission.PREDICT)
    if not 1 <= len(outcomes) <= MOST_OUTCOMES:
        raise Invalid.field("outcomes", f"must be a list of 1 to {MOST_OUTCOMES}", "length")
    said, malformed = _read(outcomes)
    _, rejected = _record(actor, said)
    rejected += malformed
    return Taken(len(outcomes) - len(rejected), sorted(rejected, key=lambda one: one.index))


def _read(outcomes: Sequence[Mapping[str, Any]]) -> tuple[list[_Said], list[Rejected]]:
    said, malformed = [], []
    for index, each in enumerate(outcomes):
        if wrong := sorted(each.keys() ^ WORDS):
            name, is_ours = wrong[0], wrong[0] in WORDS
            error = Invalid.field(shown(name), "is required" if is_ours else "is not a field here")
            malformed.append(Rejected(index, error))
        else:
            said.append(_Said(index, each["prediction_id"], each["actual"]))
    return said, malformed


def _record(actor: Actor, said: list[_Said]) -> tuple[list[PredictionRecord], list[Rejected]]:
    _await_rows({each.id for each in said if is_prediction_id(each.id)})
    with transaction.atomic():
        held = _hold(actor, said)
        judges = _judges(held.values())
        added: dict[Key, Tally] = {}
        changed: dict[str, PredictionRecord] = {}
        rejected = []
        for each in said:
            try:
                changed[each.id] = _judge(each, held, judges, added)
            except AppError as error:
                rejected.append(Rejected(each.index, error))
        found = list(changed.values())
        rows.update(found, ("actual", "actual_at"), where=("id",))
        _add(added, {row.model_key: row.model for row in found})
    _publish(actor.organization_id, found)
    return found, rejected


def _judge(
    said: _Said,
    held: Mapping[str, PredictionRecord],
    judges: Mapping[int, Judge],
    added: dict[Key, Tally],
) -> PredictionRecord:
    """Put it on the row; what it changes of the sums, the former outcome taken out of them, is added to `added`."""
    row = held.get(said.id) if isinstance(said.id, str) else None
    if row is None:
        raise NotFound
    judge, prediction, probability = judges[row.version_key], row.prediction, row.probability
    actual = judge.read(said.actual, prediction, probability)
    hour = row.at.replace(minute=0, second=0, microsecond=0)
    tally = added.setdefault((row.organization_id, hour, row.model_key, row.version), Tally())
    if row.actual_at is not None:
        tally.add(judge.tally(row.actual, prediction, probability), -1)
    tally.add(judge.tally(actual, prediction, probability))
    row.actual, row.actual_at = actual, timezone.now()
    return row


def _await_rows(ids: set[str]) -> None:
    """Give what is on its way the time to come. Whatever is not there then, was never predicted."""
    if _are_there(ids) or not _waiting.acquire(blocking=False):
        return
    try:
        until = monotonic() + PATIENCE
        while monotonic() < until:
            sleep(LOOK_SECONDS)
            if _are_there(ids):
                return
    finally:
        _waiting.release()


def _are_there(ids: set[str]) -> bool:
    return PredictionRecord.objects.filter(public_id__in=ids).count() == len(ids)


def _hold(actor: Actor, said: Iterable[_Said]) -> dict[str, PredictionRecord]:
    """The rows that the actor may see, kept from others. Features are not needed here, and may be long."""
    ids = {each.id for each in said if is_prediction_id(each.id)}
    found = PredictionRecord.objects.select_for_update().defer("features").order_by("pk")
    return {
        row.public_id: row for row in found.filter(public_id__in=ids) if is_seen(actor, row.model)
    }


def _judges(found: Iterable[PredictionRecord]) -> dict[int, Judge]:
    """By version."""
    keys = {row.version_key for row in found}
    known = ModelVersion.objects.filter(pk__in=keys).values_list("pk", "task", "described")
    judges = {key: judge_of(task, described.get("details", {})) for key, task, described in known}
    return {key: judges.get(key, Judge()) for key in keys}


# ---------------------------------------------------------------- sums


def _add(added: Mapping[Key, Tally], names: Mapping[int, str]) -> None:
    """One statement a row, in the order of their keys, each making the row or adding to it: no sum is read before."""
    values = [
        (
            organization,
            connection.ops.adapt_datetimefield_value(hour),
            model,
            version,
            names[model],
            *(getattr(tally, name) for name in _SUMS),
        )
        for (organization, hour, model, version), tally in sorted(added.items(), key=_first)
        if tally != Tally()
    ]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(_UPSERT, values)


def _first(item: tuple[Key, Tally]) -> Key:
    return item[0]


def _upsert() -> str:
    table = OutcomeTally._meta.db_table  # noqa: SLF001 - Django documents it
    columns = (*_KEY, "model", *_SUMS)
    more = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in _SUMS)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608 - our own names
        f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {more}"
    )


_UPSERT: Final = _upsert()


# ---------------------------------------------------------------- those who look on


def _publish(organization: int, found: Iterable[PredictionRecord]) -> None:
    if organization in live.followed(TOPIC):
        live.publish_records(TOPIC, organization, [_told(row) for row in found])


def _told(row: PredictionRecord) -> dict[str, Any]:
    return {
        "type": "outcome",
        "id": row.public_id,
        "model": row.model,
        "version": row.version,
        "at": row.actual_at,
        "prediction": row.prediction,
        "actual": row.actual,
        "customer_id": row.customer,
    }
