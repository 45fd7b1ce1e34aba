"""Ending what a person holds, and telling every process that it ended."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import F
from django.utils import timezone

from apps.core.changes import announce_change
from apps.core.tenancy import unscoped
from apps.tenants.models import LoginSession, Membership, Organization, User


def end_tokens(user_id: int) -> None:
    """End every login of a person everywhere, browser sessions included; API keys stay. Announces nothing."""
    User.objects.filter(pk=user_id).update(token_version=F("token_version") + 1)
    with unscoped(reason="a person's logins end in every organisation at once"):
        LoginSession.objects.filter(user_id=user_id, revoked_at=None).update(
            revoked_at=timezone.now()
        )


def organizations_of(user_id: int) -> list[Organization]:
    with unscoped(reason="what a person is concerns every organisation they belong to"):
        memberships = Membership.objects.filter(user_id=user_id).select_related("organization")
        return [membership.organization for membership in memberships.order_by("pk")]


def announce_identities(organizations: Iterable[Organization]) -> None:
    """Drop what processes remember of these organisations' credentials. The last call of its transaction."""
    for organization in organizations:
        announce_change(f"identity:{organization.public_id}")
