"""Whom the operator's commands mean: organisations, people and keys by the names people use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model

from apps.core.actor import Actor, Credential, CredentialKind, Identity, Role
from apps.core.errors import Invalid, NotFound
from apps.core.permissions import permissions_of
from apps.core.tenancy import unscoped
from apps.keys.models import ApiKey
from apps.tenants.queries import organizations

if TYPE_CHECKING:
    from apps.tenants.models import Membership, Organization


def command_actor(organization: Organization) -> Actor:
    """Whoever runs commands on the server: above every role, and nobody in particular."""
    return Actor(
        Identity(
            organization_id=organization.pk,
            organization=organization.public_id,
            organization_slug=organization.slug,
            organization_name=organization.name,
            principal="system",
            name="system",
            role=Role.ADMIN,
            permissions=permissions_of(Role.ADMIN),
            credential=Credential(CredentialKind.SYSTEM, "command"),
        )
    )


def find_member(*, organization: str | None, user: str | None) -> Membership:
    """The member by e-mail or its local part; without a name the first administrator.

    Raises `NotFound`, and `Invalid` when the words fit several.
    """
    slug = only_organization(organization)
    places = [
        place
        for pk in _people_named(user)
        for place in organizations.memberships_of(pk)
        if place.organization.slug == slug
    ]
    if user is None:
        places = [place for place in places if place.role == Role.ADMIN][:1]
    if len(places) > 1:
        emails = ", ".join(place.user.email for place in places)
        raise Invalid.field("user", f"fits several people: {emails}", "choice")
    if not places:
        raise NotFound(f"Nobody in {slug} is called {user or 'administrator'}.")
    return places[0]


def only_organization(slug: str | None) -> str:
    """The slug given, or of the only organisation there is. Raises `NotFound`, `Invalid`."""
    known = organization_slugs()
    if slug is None:
        if len(known) > 1:
            raise Invalid.field("organization", f"must be one of {', '.join(known)}", "choice")
        slug = next(iter(known), "")
    if slug not in known:
        raise NotFound(f"There is no organisation {slug!r} with people in it.".replace(" ''", ""))
    return slug


def organization_slugs() -> list[str]:
    """Of every organisation that has people."""
    column = "memberships__organization__slug"
    found = _users().filter(memberships__isnull=False).values_list(column, flat=True)
    return sorted(set(found))


def all_keys(*, organization: str | None = None) -> list[ApiKey]:
    """Every organisation's keys or one's, for the operator, the newest first."""
    with unscoped(reason="the operator lists every organisation's keys"):
        keys = ApiKey.objects.select_related("organization", "user", "service_account")
        if organization is not None:
            keys = keys.filter(organization__slug=organization)
        return list(keys.order_by("organization__slug", "-pk"))


def organization_of_key(key_id: str) -> Organization:
    """Raises `NotFound`."""
    with unscoped(reason="the operator names a key by its id alone"):
        key = ApiKey.objects.filter(public_id=key_id).select_related("organization").first()
    if key is None:
        raise NotFound(f"There is no key {key_id}.")
    return key.organization


def _people_named(name: str | None) -> list[int]:
    users = _users().filter(is_active=True)
    if name is None:
        return list(users.order_by("pk").values_list("pk", flat=True))
    spelled = name.strip().lower()
    named = {"email": spelled} if "@" in spelled else {"email__startswith": f"{spelled}@"}
    return list(users.filter(**named).order_by("pk").values_list("pk", flat=True))


def _users() -> Any:
    return get_user_model()._default_manager  # noqa: SLF001 - Django's public name for it
