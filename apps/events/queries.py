"""Reading the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet

from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.permissions import require
from apps.core.tenancy import organization_scope
from apps.events.domain.chain import Link
from apps.events.models import AuditEntry
from apps.events.permissions import EventsPermission

EXPORT_ROWS = 500


def audit_entries(
    *,
    actor: Actor,
    action: str | None = None,
    by: str | None = None,
    about: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEntry]:
    """The organization's trail, newest first: by action, actor, object, and time (`until` excluded)."""
    require(actor, EventsPermission.AUDIT_VIEW)
    wanted = {
        "action": action,
        "actor_id": by,
        "object_id": about,
        "at__gte": since,
        "at__lt": until,
    }
    entries = AuditEntry.objects.order_by("-id")
    return entries.filter(
        **{lookup: value for lookup, value in wanted.items() if value is not None}
    )


def audit_entry(*, actor: Actor, public_id: str) -> AuditEntry:
    entry = audit_entries(actor=actor).filter(public_id=public_id).first()
    if entry is None:
        raise NotFound
    return entry


def unsealed_entries() -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(hash__isnull=True)


def sealed_entries(*, organization_id: int) -> Iterator[list[AuditEntry]]:
    """The whole chain in order, a batch at a time; each batch enters the organization by itself.

    A scope may not span a `yield`: a streamed answer resumes the generator in another context.
    """
    last = 0
    while True:
        with organization_scope(organization_id):
            batch = list(
                AuditEntry.objects.filter(sequence__gt=last).order_by("sequence")[:EXPORT_ROWS]
            )
        if not batch:
            return
        yield batch
        last = batch[-1].sequence or 0


def hashed_content(entry: AuditEntry) -> dict[str, Any]:
    """The part of an entry that its hash vouches for."""
    return {
        "id": entry.public_id,
        "organization": entry.organization_id,
        "action": entry.action,
        "actor": entry.actor,
        "credential": entry.credential,
        "address": entry.address,
        "request_id": entry.request_id,
        "object": entry.object,
        "before": entry.before,
        "after": entry.after,
        "at": stamp(entry.at),
        "sequence": entry.sequence,
    }


def link_of(entry: AuditEntry) -> Link:
    return Link(
        id=entry.public_id,
        sequence=entry.sequence or 0,
        previous_hash=entry.previous_hash or "",
        hash=entry.hash or "",
        content=hashed_content(entry),
    )


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
