"""Usage records on their way from the spool into rows: one for each call, sums by the hour, what budgets are spent.

One transaction a batch. A record that is met again, because the process died before it had noted how far it came, is
known by its place in the spool and counted once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.core import live
from apps.core.housekeeping import drop_in_batches
from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.spool.process import Record
from apps.core.tenancy import unscoped
from apps.keys.queries.names import names_of
from apps.providers.domain.budgets import Amount, to_dollars
from apps.providers.domain.usage import UsageEntry, read_record
from apps.providers.enums import Period
from apps.providers.ledger.factory import get_ledger
from apps.providers.ledger.protocol import Settled
from apps.providers.models import BudgetSpend, UsageRecord
from apps.providers.services import sums, usage_rows
from apps.tenants.queries import organizations

log = structlog.get_logger(__name__)
REASON = "one spool carries the calls of every organisation"
TOPIC = "request.logs"
DAYS_KEPT = timedelta(days=40)
"""Of what a day's or a month's budget came to, after it has ended."""
Entries = list[tuple[str, UsageEntry]]


def drain_usage(records: list[Record]) -> None:
    """Take a batch in. The ledger hears of it afterwards, and of what it misses at the next batch."""
    entries = [(record.id, usage_rows.fit(read_record(record.value))) for record in records]
    with unscoped(reason=REASON):
        with transaction.atomic():
            fresh = _not_counted_yet(entries)
            touched = _write(fresh)
        _tell_ledger([entry for _, entry in entries], touched)
    _publish(fresh)


def sweep_usage() -> None:
    """Drop what is kept no longer. Sums by the hour stay."""
    now = timezone.now()
    with unscoped(reason="housekeeping for every organisation"):
        drop_in_batches(UsageRecord.objects.filter(at__lt=now - settings.SIGNALBOX_USAGE_RETENTION))
        ended = (now - DAYS_KEPT).date()
        drop_in_batches(BudgetSpend.objects.filter(period=Period.DAY, begins__lt=ended))
        ended = (ended - timedelta(days=31)).replace(day=1)
        drop_in_batches(BudgetSpend.objects.filter(period=Period.MONTH, begins__lt=ended))
    sums.fold_epochs(get_ledger().epoch)


def _not_counted_yet(entries: Entries) -> Entries:
    """Without those met before, and those whose organization is gone."""
    ids = [record for record, _ in entries]
    known = set(UsageRecord.objects.filter(record__in=ids).values_list("record", flat=True))
    alive = organizations.existing({entry.organization for _, entry in entries})
    return [
        (record, entry)
        for record, entry in entries
        if record not in known and entry.organization in alive
    ]


def _write(entries: Entries) -> sums.Touched:
    names = names_of(entry.key for _, entry in entries if entry.key)
    for _, entry in entries:
        entry.key_name = names.get(entry.key, entry.key_name)[:255]
    usage_rows.insert(entries)
    only = [entry for _, entry in entries]
    sums.add_to_rollups(only)
    return sums.add_to_spends(only)


def _tell_ledger(entries: list[UsageEntry], touched: sums.Touched) -> None:
    ledger = get_ledger()
    settled: dict[int, list[Settled]] = {}
    for entry in entries:
        if entry.reservation:
            spent = Amount(entry.cost_nano, entry.prompt_tokens + entry.completion_tokens)
            settled.setdefault(entry.organization, []).append(
                Settled(entry.organization, entry.reservation, entry.epoch, spent)
            )
    try:
        for organization, meters in touched.items():
            ledger.reconcile_now(organization, meters, settled.get(organization, ()))
    except LimitStoreUnavailable as error:
        log.warning("ledger_not_told", error=str(error))


def _publish(entries: Entries) -> None:
    followed = live.followed(TOPIC)
    by_organization: dict[int, list[dict[str, Any]]] = {}
    for record, entry in entries:
        if entry.organization in followed:
            by_organization.setdefault(entry.organization, []).append(_told(record, entry))
    for organization, rows in by_organization.items():
        live.publish_records(TOPIC, organization, rows)


def _told(record: str, entry: UsageEntry) -> dict[str, Any]:
    """`key_id`: by the name `key` it would be taken for a secret and masked."""
    return {
        "type": "call",
        "id": record,
        "at": entry.at,
        "request_id": entry.request_id,
        "model": entry.model,
        "deployment": entry.deployment,
        "provider": entry.provider,
        "key_id": entry.key,
        "key_name": entry.key_name,
        "status": entry.status,
        "error_code": entry.error_code,
        "is_stream": entry.is_stream,
        "is_cached": entry.is_cached,
        "attempts": entry.attempts,
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "cost": str(to_dollars(entry.cost_nano)),
        "ms": entry.duration_ms,
        "first_token_ms": entry.first_token_ms,
    }
