"""Usage records as the gateway writes them, and what is made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from apps.core import json
from apps.core.spool.process import Record
from apps.core.tenancy import organization_scope
from apps.providers.domain.usage import UsageEntry
from apps.providers.models import Budget, UsageRecord
from apps.providers.services import usage
from apps.tenants.models import Organization

AT = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)
_numbers = count(1)


def make_entry(organization: Organization, **values: Any) -> UsageEntry:
    given = {
        "request_id": f"req_{next(_numbers)}",
        "model": "fast",
        "operation": "chat",
        "status": "ok",
        "at": AT,
        "key": "key_a",
        "deployment": "dep",
        "provider": "prov",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cost_nano": 1000,
        "duration_ms": 100.0,
        **values,
    }
    return UsageEntry(organization=organization.pk, **given)


def make_records(*entries: UsageEntry) -> list[Record]:
    """In the spool's own encoding, each at a place of its own."""
    return [Record(f"home.1.{next(_numbers)}", json.dumps(entry.to_record())) for entry in entries]


def make_usage(organization: Organization, **values: Any) -> UsageEntry:
    """A call that was drained into the rows."""
    entry = make_entry(organization, **values)
    usage.drain_usage(make_records(entry))
    return entry


def record_of(entry: UsageEntry) -> str:
    """The place in the log of a call that was drained."""
    with organization_scope(entry.organization):
        return UsageRecord.objects.get(request_id=entry.request_id).record


def make_budget(organization: Organization, **values: Any) -> Budget:
    given = {"scope": "organization", "period": "month", "amount": "25", **values}
    with organization_scope(organization.pk):
        return Budget.objects.create(organization=organization, **given)
