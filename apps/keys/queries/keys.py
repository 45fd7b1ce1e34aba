"""Keys that an actor may see: every member sees all of the organisation's, without secrets."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound
from apps.core.permissions import require
from apps.keys.domain.terms import check_role
from apps.keys.models import ApiKey
from apps.keys.permissions import KeyPermission

STATES = ("active", "expired", "revoked")


def visible_keys(
    *,
    actor: Actor,
    state: str | None = None,
    role: str | None = None,
    owner: str | None = None,
    q: str | None = None,
) -> QuerySet[ApiKey]:
    """Newest first, by state, role, owner's id and a part of the name; `Invalid` for what can be none of these."""
    require(actor, KeyPermission.VIEW)
    keys = ApiKey.objects.filter(organization_id=actor.organization_id)
    keys = keys.select_related("user", "service_account").order_by("-pk")
    if state:
        keys = keys.filter(in_state(state, timezone.now()))
    if role:
        keys = keys.filter(role=check_role(role))
    if owner:
        keys = _owned_by(keys, owner)
    if q:
        keys = keys.filter(name__icontains=q)
    return keys


def key(*, actor: Actor, key_id: str) -> ApiKey:
    found = visible_keys(actor=actor).filter(public_id=key_id).first()
    if found is None:
        raise NotFound
    return found


def _owned_by(keys: QuerySet[ApiKey], owner_id: str) -> QuerySet[ApiKey]:
    column = "service_account" if owner_id.startswith("svc_") else "user"
    try:
        return keys.filter(**{f"{column}__public_id": owner_id})
    except NotFound:
        raise Invalid.field("owner", "must be the id of a user or service account", "id") from None


def in_state(state: str, now: datetime) -> Q:
    """The condition of a state of `STATES`."""
    match state:
        case "revoked":
            return Q(revoked_at__isnull=False)
        case "expired":
            return Q(revoked_at__isnull=True, expires_at__lte=now)
        case "active":
            return Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=now))
    raise Invalid.field("state", f"must be one of {', '.join(STATES)}", "choice")
