"""Sums that calls are added to: what each hour and combination came to, and what budgets are held against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.core.sketch import Sketch
from apps.core.sums import Key, add_rows
from apps.core.tenancy import unscoped
from apps.providers.domain.budgets import EVERYBODY, NOTHING, Amount, Meter, meter_of
from apps.providers.domain.usage import UsageEntry
from apps.providers.enums import BudgetScope, CallStatus, Period
from apps.providers.models import Budget, BudgetSpend, UsageRollup

Touched = dict[int, list[Meter]]
"""Meters whose rows have changed, by organization."""
SPEND_KEY = ("organization_id", "scope", "subject", "period", "begins", "epoch")
ROLLUP_KEY = ("organization_id", "hour", "key", "model", "deployment", "provider")
COUNTED = ("requests", "errors", "cached", "prompt_tokens", "completion_tokens", "cost_nano")
FAILED = frozenset({CallStatus.ERROR, CallStatus.CUT, CallStatus.REFUSED})


def add_to_rollups(entries: Iterable[UsageEntry]) -> None:
    added: dict[Key, UsageRollup] = {}
    for entry in entries:
        hour = entry.at.replace(minute=0, second=0, microsecond=0)
        key = (entry.organization, hour, entry.key, entry.model, entry.deployment, entry.provider)
        row = added.get(key)
        if row is None:
            row = added[key] = UsageRollup(
                **dict(zip(ROLLUP_KEY, key, strict=True)), duration=Sketch(), first_token=Sketch()
            )
        row.key_name = entry.key_name
        _count(row, entry)
    add_rows(
        UsageRollup,
        ROLLUP_KEY,
        added,
        _merge_rollup,
        (*COUNTED, "key_name", "duration", "first_token"),
    )


def add_to_spends(entries: Sequence[UsageEntry]) -> Touched:
    bounded = _bounded_users({entry.organization for entry in entries})
    added: dict[Key, BudgetSpend] = {}
    touched: dict[int, dict[Meter, None]] = {}
    for (day, organization, key, end_user, epoch), spent in _by_subject(entries).items():
        for meter in _meters(day, key, end_user, bounded.get(organization, set())):
            touched.setdefault(organization, {})[meter] = None
            if spent == NOTHING:
                continue
            place = (organization, *meter, epoch)
            row = added.get(place) or added.setdefault(
                place, BudgetSpend(**dict(zip(SPEND_KEY, place, strict=True)))
            )
            row.cost_nano += spent.nano
            row.tokens += spent.tokens
    add_rows(BudgetSpend, SPEND_KEY, added, _merge_spend, ("cost_nano", "tokens"))
    return {organization: list(meters) for organization, meters in touched.items()}


def _by_subject(entries: Iterable[UsageEntry]) -> dict[tuple[datetime, int, str, str, str], Amount]:
    """Calls of one day and subject together; there are few of these in a batch."""
    sums: dict[tuple[datetime, int, str, str, str], Amount] = {}
    for entry in entries:
        day = entry.at.replace(hour=0, minute=0, second=0, microsecond=0)
        key = (day, entry.organization, entry.key, entry.end_user, entry.epoch)
        spent = Amount(entry.cost_nano, entry.prompt_tokens + entry.completion_tokens)
        sums[key] = sums.get(key, NOTHING).plus(spent)
    return sums


def fold_epochs(present: str) -> None:
    """Put what was spent in former lives of the ledger into one row each. Only older ones than the present: a process
    that has slept may take a former one for it.
    """
    if not present:
        return
    with unscoped(reason="housekeeping for every organisation"), transaction.atomic():
        old = BudgetSpend.objects.filter(epoch__gt="", epoch__lt=present)
        rows = list(old.select_for_update().order_by("pk")[:1000])
        added: dict[Key, BudgetSpend] = {}
        for row in rows:
            key = (row.organization_id, row.scope, row.subject, row.period, row.begins, "")
            sum_row = added.get(key) or added.setdefault(
                key, BudgetSpend(**dict(zip(SPEND_KEY, key, strict=True)))
            )
            _merge_spend(sum_row, row)
        BudgetSpend.objects.filter(pk__in=[row.pk for row in rows]).delete()
        add_rows(BudgetSpend, SPEND_KEY, added, _merge_spend, ("cost_nano", "tokens"))


def _meters(at: datetime, key: str, end_user: str, bounded: set[tuple[str, Period]]) -> list[Meter]:
    """What a call counts towards, budget or not, so that one set later knows what was spent before.

    End users are as many as callers like: only those with a budget are counted.
    """
    meters = [meter_of(BudgetScope.ORGANIZATION, "", period, at) for period in Period]
    if key:
        meters += [meter_of(BudgetScope.KEY, key, period, at) for period in Period]
    if end_user and bounded:
        meters += [
            meter_of(BudgetScope.END_USER, end_user, period, at)
            for period in Period
            if (EVERYBODY, period) in bounded or (end_user, period) in bounded
        ]
    return meters


def _bounded_users(organizations: set[int]) -> dict[int, set[tuple[str, Period]]]:
    rows = Budget.objects.filter(organization_id__in=organizations, scope=BudgetScope.END_USER)
    bounded: dict[int, set[tuple[str, Period]]] = {}
    for organization, subject, period in rows.values_list("organization_id", "subject", "period"):
        bounded.setdefault(organization, set()).add((subject, Period(period)))
    return bounded


def _count(row: Any, entry: UsageEntry) -> None:
    row.requests += 1
    row.errors += entry.status in FAILED
    row.cached += entry.is_cached
    row.prompt_tokens += entry.prompt_tokens
    row.completion_tokens += entry.completion_tokens
    row.cost_nano += entry.cost_nano
    row.duration.add(entry.duration_ms)
    if entry.first_token_ms is not None:
        row.first_token.add(entry.first_token_ms)


def _merge_rollup(row: Any, more: Any) -> None:
    for name in COUNTED:
        setattr(row, name, getattr(row, name) + getattr(more, name))
    row.key_name = more.key_name
    for name in ("duration", "first_token"):
        sketch = Sketch.read(getattr(row, name))
        sketch.merge(getattr(more, name))
        setattr(row, name, sketch.kept())


def _merge_spend(row: Any, more: Any) -> None:
    row.cost_nano += more.cost_nano
    row.tokens += more.tokens
