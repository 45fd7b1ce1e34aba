from __future__ import annotations

import pytest

from apps.core import bus
from apps.core.actor import Actor, Role
from apps.core.errors import NotFound, PermissionDenied, Unauthenticated
from apps.tenants import topics
from apps.tenants.models import Membership, Organization
from apps.tenants.queries import people as queries
from apps.tenants.queries.identities import identity_of_access_token
from apps.tenants.services import people
from tests.factories.tenants import (
    actor_of,
    actor_of_account,
    log_in,
    make_admin,
    make_invitation,
    make_member,
    make_service_account,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(organization: Organization) -> Actor:
    return actor_of(make_admin(organization, user=make_user(is_staff=True)))


def test_update_user_switches_off_and_ends_their_logins(
    operator: Actor, stranger: Membership, facts: list[bus.Fact]
) -> None:
    login = log_in(stranger)
    facts.clear()

    user = people.update_user(
        actor=operator, user_id=stranger.user_id, name="Gone", is_active=False, is_staff=False
    )

    assert (user.name, user.is_active) == ("Gone", False)
    with pytest.raises(Unauthenticated):
        identity_of_access_token(login.access)
    assert [(fact.topic, fact.organization_id) for fact in facts] == [
        (topics.USER_UPDATED, stranger.organization_id)
    ]


def test_update_user_makes_an_operator(operator: Actor, stranger: Membership) -> None:
    user = people.update_user(
        actor=operator, user_id=stranger.user_id, name="Op", is_active=True, is_staff=True
    )

    assert (user.is_staff, user.is_superuser) == (True, True)


def test_update_user_is_for_the_operator(admin: Membership) -> None:
    with pytest.raises(PermissionDenied):
        people.update_user(
            actor=actor_of(admin),
            user_id=admin.user_id,
            name="Me",
            is_active=True,
            is_staff=True,
        )


def test_members_are_those_of_the_organization(
    organization: Organization, admin: Membership, stranger: Membership
) -> None:
    member = make_member(organization)

    assert list(queries.members(actor_of(member))) == [admin, member]


def test_member_of_another_organization_is_not_found(
    admin: Membership, stranger: Membership
) -> None:
    assert queries.member(actor_of(admin), admin.public_id) == admin
    with pytest.raises(NotFound):
        queries.member(actor_of(admin), stranger.public_id)


def test_members_are_not_for_programs(organization: Organization) -> None:
    with pytest.raises(PermissionDenied):
        queries.members(actor_of_account(make_service_account(organization)))


def test_invitations_are_those_of_the_organization_the_newest_first(
    organization: Organization, admin: Membership, stranger: Membership
) -> None:
    first, _ = make_invitation(organization)
    second, _ = make_invitation(organization)
    foreign, _ = make_invitation(stranger.organization)

    assert list(queries.invitations(actor_of(admin))) == [second, first]
    assert queries.invitation(actor_of(admin), first.public_id) == first
    with pytest.raises(NotFound):
        queries.invitation(actor_of(admin), foreign.public_id)


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
def test_invitations_are_for_administrators(organization: Organization, role: Role) -> None:
    with pytest.raises(PermissionDenied):
        queries.invitations(actor_of(make_member(organization, role)))


def test_service_accounts_are_those_of_the_organization(
    organization: Organization, admin: Membership, stranger: Membership
) -> None:
    account = make_service_account(organization)
    foreign = make_service_account(stranger.organization)

    assert list(queries.service_accounts(actor_of(admin))) == [account]
    with pytest.raises(NotFound):
        queries.service_account(actor_of(admin), foreign.public_id)


def test_service_accounts_are_not_for_programs(organization: Organization) -> None:
    with pytest.raises(PermissionDenied):
        queries.service_accounts(actor_of_account(make_service_account(organization)))
