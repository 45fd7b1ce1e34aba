"""Facts, audit entries and actors that need no person behind them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.db import transaction

from apps.core import bus, json
from apps.core.actor import Actor, Credential, CredentialKind, Identity, Role
from apps.core.permissions import permissions_of
from apps.core.tenancy import organization_scope
from apps.events.hub import hub
from apps.events.models import AuditEntry
from apps.events.services import outbox, sequencer
from apps.events.services.sequencer import Published
from apps.tenants.models import Organization

_numbers = count(1)


def make_identity(
    place: Organization | None = None, role: Role = Role.ADMIN, **values: Any
) -> Identity:
    """An identity as a door knows it; without an organization, one that touches no table."""
    number = next(_numbers)
    given = {
        "organization_id": place.pk if place else 1,
        "organization": place.public_id if place else "org_1",
        "principal": f"user_{number}",
        "name": f"Person {number}",
        "role": role,
        "permissions": permissions_of(role),
        "credential": Credential(CredentialKind.KEY, f"key_{number}"),
    }
    return Identity(**{**given, **values})


def make_actor(place: Organization | None = None, role: Role = Role.ADMIN, **values: Any) -> Actor:
    return Actor(make_identity(place, role, **values), request_id="req_test", address="192.0.2.1")


def make_fact(organization: Organization, **values: Any) -> bus.Fact:
    number = next(_numbers)
    given = {
        "topic": "keys.key.created",
        "organization_id": organization.pk,
        "actor": make_actor(organization),
        "object_id": f"key_{number}",
        "object_name": f"key {number}",
    }
    return bus.Fact(**{**given, **values})


def make_entry(organization: Organization, **values: Any) -> AuditEntry:
    """An audit entry, the way every one comes about: by a published fact."""
    fact = make_fact(organization, **values)
    with transaction.atomic():
        bus.publish(fact)
    with organization_scope(organization.pk):
        return AuditEntry.objects.latest("id")


AT = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def make_published(
    sequence: int = 1, *, organization_id: int = 1, topic: str = "audit.events", **values: Any
) -> Published:
    """An event as the sequencer gives it to the hub; no row stands behind it."""
    given = {"position": sequence, "event": "a.b.c", "data": {"n": sequence}, "at": AT}
    return Published(
        organization_id=organization_id, topic=topic, sequence=sequence, **{**given, **values}
    )


def number_pending() -> list[Published]:
    """Number all that is committed, as a publisher would, and send it to the hub."""
    token = sequencer.take_over(holder="the tests")
    assert token is not None
    published: list[Published] = []
    while found := sequencer.number_batch(token=token):
        published += found
    hub.publish(published)
    return published


def write_events(
    organization: Organization, count: int, *, topic: str = "job.progress", at: datetime = AT
) -> None:
    """Events of a topic in the outbox, not numbered yet."""
    with organization_scope(organization.pk), transaction.atomic():
        outbox.append(
            [
                outbox.Event(organization.pk, topic, "a.b.c", json.dumps({"n": n}), at)
                for n in range(count)
            ]
        )
