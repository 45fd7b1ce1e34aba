"""Programs that own keys: make, rename, switch off and on."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from apps.core import bus
from apps.core.actor import Actor
from apps.core.changes import announce_change
from apps.core.errors import NotFound, Stale
from apps.core.permissions import require
from apps.core.text import clean_line
from apps.tenants import topics
from apps.tenants.errors import NameTaken
from apps.tenants.models import ServiceAccount
from apps.tenants.permissions import TenantPermission
from apps.tenants.services import checks

LONGEST_NAME = 100


def create_service_account(*, actor: Actor, name: str) -> ServiceAccount:
    """Raises `NameTaken`, `Invalid`."""
    require(actor, TenantPermission.SERVICE_ACCOUNT_MANAGE)
    name = clean_line(name, longest=LONGEST_NAME)
    try:
        with transaction.atomic():
            account = ServiceAccount.objects.create(
                organization_id=actor.organization_id, name=name, created_by_id=actor.user_id
            )
            _publish(topics.SERVICE_ACCOUNT_CREATED, account, actor, None)
    except IntegrityError:
        raise NameTaken from None
    return account


def change_service_account(
    *,
    actor: Actor,
    account_id: str,
    name: str | None = None,
    is_active: bool | None = None,
    expected_revision: int | None = None,
) -> ServiceAccount:
    """Rename it, or switch it and all its keys off or on. Raises `NotFound`, `Stale`, `NameTaken`, `Invalid`."""
    require(actor, TenantPermission.SERVICE_ACCOUNT_MANAGE)
    checks.require_change(name, is_active)
    name = None if name is None else clean_line(name, longest=LONGEST_NAME)
    try:
        with transaction.atomic():
            account = _lock(actor, account_id)
            if expected_revision not in (None, account.revision):
                raise Stale
            before = _values(account)
            account.name = account.name if name is None else name
            account.is_active = account.is_active if is_active is None else is_active
            account.revision += 1
            account.save(update_fields=["name", "is_active", "revision"])
            _publish(topics.SERVICE_ACCOUNT_UPDATED, account, actor, before)
            announce_change(f"identity:{account.organization.public_id}")
    except IntegrityError:
        raise NameTaken from None
    return account


def _lock(actor: Actor, account_id: str) -> ServiceAccount:
    account = (
        ServiceAccount.objects.select_for_update(of=("self",))
        .filter(organization_id=actor.organization_id, public_id=account_id)
        .select_related("organization")
        .first()
    )
    if account is None:
        raise NotFound
    return account


def _values(account: ServiceAccount) -> dict[str, Any]:
    return {"name": account.name, "is_active": account.is_active}


def _publish(
    topic: str, account: ServiceAccount, actor: Actor, before: dict[str, Any] | None
) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=account.organization_id,
            actor=actor,
            object_id=account.public_id,
            object_name=account.name,
            before=before,
            after=_values(account),
        )
    )
