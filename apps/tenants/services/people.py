"""What only the operator of the house does with accounts: rename, switch off and on, make an operator."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.core import bus
from apps.core.actor import Actor
from apps.core.errors import PermissionDenied
from apps.core.tenancy import organization_scope
from apps.core.text import clean_line
from apps.tenants import topics
from apps.tenants.models import User
from apps.tenants.queries.organizations import is_operator
from apps.tenants.services import endings


def update_user(*, actor: Actor, user_id: int, name: str, is_active: bool, is_staff: bool) -> User:
    """Switching somebody off ends all their logins; their keys are dead while they are off."""
    if not is_operator(actor):
        raise PermissionDenied
    with transaction.atomic():
        user = User.objects.select_for_update(no_key=True).get(pk=user_id)
        before = _values(user)
        user.name, user.is_active = clean_line(name), is_active
        user.is_staff = user.is_superuser = is_staff
        user.save(update_fields=["name", "is_active", "is_staff", "is_superuser"])
        if before["is_active"] and not is_active:
            endings.end_tokens(user.pk)
        _announce(user, actor, before)
    return user


def _announce(user: User, actor: Actor, before: dict[str, Any]) -> None:
    organizations = endings.organizations_of(user.pk)
    for organization in organizations:
        with organization_scope(organization.pk):
            bus.publish(
                bus.Fact(
                    topics.USER_UPDATED,
                    organization_id=organization.pk,
                    actor=actor,
                    object_id=user.public_id,
                    object_name=user.email,
                    before=before,
                    after=_values(user),
                )
            )
    endings.announce_identities(organizations)


def _values(user: User) -> dict[str, Any]:
    return {"name": user.name, "is_active": user.is_active, "is_staff": user.is_staff}
