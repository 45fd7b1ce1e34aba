"""Creating and renaming organisations."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from apps.core import bus
from apps.core.actor import Actor, Role
from apps.core.errors import PermissionDenied, Stale
from apps.core.permissions import require
from apps.core.tenancy import organization_scope
from apps.core.text import clean_line
from apps.tenants import topics
from apps.tenants.errors import NameTaken
from apps.tenants.models import Membership, Organization
from apps.tenants.permissions import TenantPermission
from apps.tenants.queries.organizations import is_operator
from apps.tenants.services import checks, endings


def create_organization(*, actor: Actor, name: str, slug: str) -> Organization:
    """Found an organisation; the operator who does becomes its first administrator. Raises `NameTaken`, `Invalid`."""
    require(actor, TenantPermission.ORGANIZATION_CREATE)
    if not is_operator(actor) or actor.user_id is None:
        raise PermissionDenied("Only the operator of this house founds organisations.")
    name, slug = clean_line(name), checks.check_slug(slug)
    try:
        with transaction.atomic():
            organization = Organization.objects.create(name=name, slug=slug)
            with organization_scope(organization.pk):
                Membership.objects.create(
                    organization=organization, user_id=actor.user_id, role=Role.ADMIN
                )
                _publish(topics.ORGANIZATION_CREATED, organization, actor, None)
    except IntegrityError:
        raise NameTaken(f"There is an organisation {slug!r} already.") from None
    return organization


def update_organization(
    *, actor: Actor, name: str, expected_revision: int | None = None
) -> Organization:
    """Rename the actor's organisation. Raises `Stale`, `Invalid`."""
    require(actor, TenantPermission.ORGANIZATION_CHANGE)
    name = clean_line(name)
    with transaction.atomic():
        organization = Organization.objects.select_for_update(no_key=True).get(
            pk=actor.organization_id
        )
        if expected_revision not in (None, organization.revision):
            raise Stale
        before = _values(organization)
        organization.name = name
        organization.revision += 1
        organization.save(update_fields=["name", "revision"])
        _publish(topics.ORGANIZATION_UPDATED, organization, actor, before)
        endings.announce_identities([organization])
    return organization


def _values(organization: Organization) -> dict[str, str]:
    return {"name": organization.name, "slug": organization.slug}


def _publish(
    topic: str, organization: Organization, actor: Actor, before: dict[str, str] | None
) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=organization.pk,
            actor=actor,
            object_id=organization.public_id,
            object_name=organization.name,
            before=before,
            after=_values(organization),
        )
    )
