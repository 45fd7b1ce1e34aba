"""The first organisation and its first person, from the operator's command line. Idempotent."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from apps.core import bus
from apps.core.actor import Role
from apps.core.errors import Invalid
from apps.core.tenancy import organization_scope
from apps.tenants import topics
from apps.tenants.models import Membership, Organization, User
from apps.tenants.services import checks, endings, members


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    organization: Organization
    user: User
    membership: Membership


def bootstrap(
    *,
    organization: str,
    email: str,
    password: str,
    role: Role = Role.ADMIN,
    is_approver: bool = False,
    is_staff: bool = False,
) -> Bootstrapped:
    """Create what is missing and change nothing that is there, save for grants asked for and not yet given.

    It has no actor: whoever runs commands on the server is above every role. An existing password stays.
    """
    slug, address = checks.check_slug(organization), checks.check_email(email)
    if not password:
        raise Invalid.field("password", "must not be empty", "required")
    with transaction.atomic():
        place = _organization(slug)
        user = _user(address, password, is_staff=is_staff)
        with organization_scope(place.pk):
            membership = _membership(place, user, role, is_approver=is_approver)
        endings.announce_identities([place])
    return Bootstrapped(place, user, membership)


def _organization(slug: str) -> Organization:
    organization, is_new = Organization.objects.get_or_create(
        slug=slug, defaults={"name": slug.replace("-", " ").replace("_", " ").capitalize()}
    )
    if is_new:
        with organization_scope(organization.pk):
            bus.publish(
                bus.Fact(
                    topics.ORGANIZATION_CREATED,
                    organization_id=organization.pk,
                    actor=None,
                    object_id=organization.public_id,
                    object_name=organization.name,
                    after={"name": organization.name, "slug": slug},
                )
            )
    return organization


def _user(email: str, password: str, *, is_staff: bool) -> User:
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User(email=email, name=email.partition("@")[0])
        user.set_password(password)
    if is_staff:
        user.is_staff = user.is_superuser = True
    user.save()
    return user


def _membership(
    organization: Organization, user: User, role: Role, *, is_approver: bool
) -> Membership:
    membership, is_new = Membership.objects.get_or_create(
        organization=organization, user=user, defaults={"role": role, "is_approver": is_approver}
    )
    if is_new:
        members.publish(topics.MEMBER_ADDED, membership, None, None, members.values(membership))
    elif is_approver and not membership.is_approver:
        before = members.values(membership)
        membership.is_approver = True
        membership.revision += 1
        membership.save(update_fields=["is_approver", "revision"])
        members.publish(
            topics.MEMBER_ROLE_CHANGED, membership, None, before, members.values(membership)
        )
    return membership
