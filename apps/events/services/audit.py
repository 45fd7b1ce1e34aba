"""The audit trail after its rows are written: the sealer of the hash chain, the check of it, the export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction

from apps.core.actor import Actor
from apps.core.permissions import require
from apps.core.tenancy import organization_scope, unscoped
from apps.events import queries
from apps.events.domain.chain import GENESIS, Break, Walk, digest
from apps.events.models import AuditEntry, AuditHead, seal_entries
from apps.events.permissions import EventsPermission

SEAL_ROWS = 200


def seal_pending() -> int:
    """Seal what was committed since the last time, in every organization. The sealer's tick."""
    with unscoped(reason="one sealer serves every organization"):
        pending = queries.unsealed_entries().order_by()
        organizations = list(pending.values_list("organization_id", flat=True).distinct())
    return sum(seal_organization(organization_id=number, wait=False) for number in organizations)


def seal_organization(*, organization_id: int, wait: bool = True) -> int:
    """Seal one organization's open rows, a batch a transaction. Without `wait`, leave it to whoever is at it."""
    sealed = 0
    while True:
        with organization_scope(organization_id), transaction.atomic():
            batch = _seal_batch(organization_id, wait)
        sealed += batch
        if batch < SEAL_ROWS:
            return sealed


@dataclass(frozen=True, slots=True)
class Report:
    """What the walk along one organization's chain found."""

    organization: str
    entries: int
    found: Break | None


def verify_trails(*, slug: str | None = None) -> list[Report]:
    """Walk the chain of every organization that has one, or of the one named. For the operator."""
    with unscoped(reason="the operator verifies every organization's trail"):
        known = AuditEntry.objects.order_by("organization__slug").distinct()
        wanted = known.filter(organization__slug=slug) if slug else known
        rows = list(wanted.values_list("organization_id", "organization__slug"))
    return [verify_trail(organization_id=number, name=name) for number, name in rows]


def verify_trail(*, organization_id: int, name: str = "") -> Report:
    """Seal what is open, then walk the whole chain to its head."""
    seal_organization(organization_id=organization_id)
    walk = Walk()
    for batch in queries.sealed_entries(organization_id=organization_id):
        for entry in batch:
            if (found := walk.step(queries.link_of(entry))) is not None:
                return Report(name, walk.sequence, found)
    with organization_scope(organization_id):
        head = AuditHead.objects.first()
    found = walk.finish(head.sequence, head.hash) if head else walk.finish(0, GENESIS)
    return Report(name, walk.sequence, found)


def export_trail(*, actor: Actor) -> Iterator[list[AuditEntry]]:
    """Every entry sealed by now, oldest first, in batches."""
    require(actor, EventsPermission.AUDIT_VIEW)
    seal_organization(organization_id=actor.organization_id)
    return queries.sealed_entries(organization_id=actor.organization_id)


def _seal_batch(organization_id: int, wait: bool) -> int:
    head = _take_head(organization_id, wait)
    if head is None:
        return 0
    entries = list(queries.unsealed_entries().order_by("id")[:SEAL_ROWS])
    for entry in entries:
        head.sequence += 1
        entry.sequence, entry.previous_hash = head.sequence, head.hash
        entry.hash = head.hash = digest(queries.hashed_content(entry), entry.previous_hash)
    if entries:
        seal_entries(entries)
        head.save(update_fields=["sequence", "hash"])
    return len(entries)


def _take_head(organization_id: int, wait: bool) -> AuditHead | None:
    # SQLite has no row locks: there the transaction itself lets one writer in at a time.
    can_skip = connection.features.has_select_for_update_skip_locked
    AuditHead.objects.get_or_create(organization_id=organization_id, defaults={"hash": GENESIS})
    return AuditHead.objects.select_for_update(skip_locked=can_skip and not wait).first()
