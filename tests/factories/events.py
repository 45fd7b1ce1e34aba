"""Facts, audit entries and actors that need no person behind them."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.db import transaction

from apps.core import bus
from apps.core.actor import Actor, Credential, CredentialKind, Identity, Role
from apps.core.permissions import permissions_of
from apps.core.tenancy import organization_scope
from apps.events.models import AuditEntry
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
