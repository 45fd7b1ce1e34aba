"""Keys that an actor may see: every member sees all of the organisation's, without secrets."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.permissions import require
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
    """Newest first, by state, role, owner's id and a part of the name."""
    require(actor, KeyPermission.VIEW)
    keys = ApiKey.objects.filter(organization_id=actor.organization_id)
    keys = keys.select_related("user", "service_account", "created_by").order_by("-pk")
    if state:
        keys = keys.filter(_in_state(state))
    if role:
        keys = keys.filter(role=role)
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
    except NotFound:  # no id of ours: a filter that nothing passes
        return keys.none()


def _in_state(state: str) -> Q:
    now = timezone.now()
    if state == "revoked":
        return Q(revoked_at__isnull=False)
    if state == "expired":
        return Q(revoked_at__isnull=True, expires_at__lte=now)
    return Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=now))
