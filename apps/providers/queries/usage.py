"""Reading usage: sums by the hour, regrouped as asked, and the log of calls."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from time import monotonic
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound
from apps.core.pagination import Page
from apps.core.permissions import require
from apps.core.text import is_misleading
from apps.providers.domain.usage_table import GROUPS, ORDERINGS, UsageRow, ordered, sum_up, total_of
from apps.providers.models import UsageRecord, UsageRollup
from apps.providers.permissions import ProvidersPermission

FILTERS = ("model", "key", "provider", "deployment")
USUAL_DAYS = 30
MOST_DAYS = 400
KEPT_SECONDS = 5.0
"""How long an answer is given again: a page of charts asks for the same sums several times."""
MOST_KEPT = 128
COLUMNS = (
    "hour", "key", "key_name", "model", "deployment", "provider", "requests", "errors", "cached",
    "prompt_tokens", "completion_tokens", "cost_nano", "duration", "first_token",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What part of the usage, and by what it is grouped. Moments are UTC; the first hour is taken whole."""

    group_by: tuple[str, ...]
    begins: datetime
    ends: datetime
    filters: tuple[tuple[str, str], ...] = ()


def read_asked(query: Mapping[str, Any], now: datetime | None = None) -> Asked:
    """From a query string: `group_by`, `from`, `to` and filters. Raises `Invalid`."""
    now = now or timezone.now()
    ends = _moment(query.get("to"), "to", is_end=True) or now + timedelta(hours=1)
    begins = _moment(query.get("from"), "from") or ends - timedelta(days=USUAL_DAYS)
    if begins >= ends:
        raise Invalid.field("from", "must lie before to", "range")
    if ends - begins > timedelta(days=MOST_DAYS):
        raise Invalid.field("from", f"may lie {MOST_DAYS} days before to at most", "range")
    filters = tuple((name, str(query[name])) for name in FILTERS if query.get(name))
    return Asked(_groups(query.get("group_by")), _hour(begins), ends, filters)


def usage(*, actor: Actor, asked: Asked, ordering: str | None = None) -> list[UsageRow]:
    """One row for each group, by the groups unless asked otherwise. One query, or none within some seconds."""
    require(actor, ProvidersPermission.USAGE_VIEW)
    names = [name.strip() for name in ordering.split(",")] if ordering else []
    if any(name.removeprefix("-") not in ORDERINGS for name in names):
        raise Invalid.field("ordering", f"must be among: {', '.join(ORDERINGS)}", "choice")
    return ordered(_kept.rows(actor.organization_id, asked), names)


def usage_page(*, actor: Actor, asked: Asked, ordering: str | None, page: int, limit: int) -> Page:
    """A page of the groups; `meta.totals` sums up all of them."""
    rows = usage(actor=actor, asked=asked, ordering=ordering)
    start = (page - 1) * limit
    meta = {"page": page, "limit": limit, "total": len(rows), "total_pages": -(-len(rows) // limit)}
    return Page(rows[start : start + limit], {**meta, "totals": total_of(rows)})


def calls(*, actor: Actor, **wanted: str | None) -> QuerySet[UsageRecord]:
    """The log of calls, those whose columns say what is wanted; by cursor it is newest first."""
    require(actor, ProvidersPermission.USAGE_VIEW)
    given = {name: value for name, value in wanted.items() if value is not None}
    found = UsageRecord.objects.all()
    return found.none() if any(map(is_misleading, given.values())) else found.filter(**given)


def call(*, actor: Actor, call_id: str) -> UsageRecord:
    """One call by its place in the log. Raises `NotFound`."""
    found = calls(actor=actor, record=call_id).first()
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Seen:
    """What was used in a time; keys by id, with the name each had last."""

    models: tuple[str, ...]
    keys: Mapping[str, str]
    providers: tuple[str, ...]


def seen(*, actor: Actor, begins: datetime, ends: datetime) -> Seen:
    """What there is to choose from, whatever is chosen now."""
    require(actor, ProvidersPermission.USAGE_VIEW)
    rows = UsageRollup.objects.filter(hour__gte=begins, hour__lt=ends).order_by()
    found = set(rows.values_list("model", "key", "key_name", "provider").distinct())
    names = sorted((name, key) for _, key, name, _ in found if key)
    return Seen(
        models=tuple(sorted({model for model, *_ in found})),
        keys={key: name for name, key in names},
        providers=tuple(sorted({provider for *_, provider in found if provider})),
    )


def _groups(words: Any) -> tuple[str, ...]:
    names = [name.strip() for name in str(words).split(",")] if words else ["day"]
    if any(name not in GROUPS for name in names):
        raise Invalid.field("group_by", f"must be among: {', '.join(GROUPS)}", "choice")
    return tuple(dict.fromkeys(names))


def _moment(text: Any, name: str, *, is_end: bool = False) -> datetime | None:
    """A day or a moment; without a zone it is UTC. A day at the end is taken whole."""
    if text in (None, ""):
        return None
    try:
        if isinstance(text, datetime):
            moment = text
        elif len(str(text)) == len("2026-01-15"):
            day = date.fromisoformat(str(text)) + timedelta(days=int(is_end))
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(str(text).replace(" ", "+"))
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return zoned.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid.field(name, "must be a day or an ISO 8601 moment", "invalid") from None


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


class _Kept:
    """Answers of the last seconds, of this process."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[int, Asked], tuple[float, Sequence[UsageRow]]] = (
            OrderedDict()
        )
        self._lock = Lock()

    def rows(self, organization: int, asked: Asked) -> Sequence[UsageRow]:
        key = (organization, asked)
        with self._lock:
            at, rows = self._answers.get(key, (float("-inf"), ()))
        if monotonic() - at < KEPT_SECONDS:
            return rows
        rows = sum_up(_hours(asked), asked.group_by)
        with self._lock:
            self._answers[key] = (monotonic(), rows)
            self._answers.move_to_end(key)
            while len(self._answers) > MOST_KEPT:
                self._answers.popitem(last=False)
        return rows

    def forget(self) -> None:
        with self._lock:
            self._answers.clear()


def _hours(asked: Asked) -> Sequence[Mapping[str, Any]]:
    if any(is_misleading(value) for _, value in asked.filters):
        return ()
    rows = UsageRollup.objects.filter(hour__gte=asked.begins, hour__lt=asked.ends)
    return list(rows.filter(**dict(asked.filters)).values(*COLUMNS))


_kept = _Kept()


def forget_kept() -> None:
    """Read anew at the next question. For tests."""
    _kept.forget()
