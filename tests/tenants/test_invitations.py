from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from apps.core import bus
from apps.core.actor import CredentialKind, Role
from apps.core.errors import Conflict, Invalid, NotFound, PermissionDenied
from apps.core.tenancy import organization_scope
from apps.tenants import topics
from apps.tenants.domain.visit import Visit
from apps.tenants.errors import BadCredentials
from apps.tenants.models import Invitation, Membership, Organization, User
from apps.tenants.queries import people
from apps.tenants.services import invitations
from tests.factories.tenants import (
    PASSWORD,
    actor_of,
    make_invitation,
    make_member,
    make_user,
)

pytestmark = pytest.mark.django_db

VISIT = Visit(address="192.0.2.1")


def accept(token: str, **values: Any) -> Membership:
    return invitations.accept_invitation(token=token, visit=VISIT, **values)


def token_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["token"][0]


def test_invite_answers_a_link_and_keeps_its_digest_alone(
    organization: Organization, admin: Membership, facts: list[bus.Fact], settings: Any
) -> None:
    settings.SIGNALBOX_PUBLIC_URL = "https://box.example/"

    invited = invitations.invite(
        actor=actor_of(admin), email="Guest@Example.com", role=Role.VIEWER, is_approver=True
    )

    invitation = Invitation.objects.get()
    token = token_of(invited.url)
    assert invited.url == f"https://box.example/console/invitation?token={token}"
    assert len(token) == 43
    assert token not in str(vars(invitation))
    assert (invitation.email, invitation.role, invitation.is_approver) == (
        "guest@example.com",
        "viewer",
        True,
    )
    assert invitation.expires_at - invitation.created_at == timedelta(days=7)
    assert [(fact.topic, fact.object_name, fact.after) for fact in facts] == [
        (topics.INVITATION_CREATED, "guest@example.com", {"role": "viewer", "approver": True})
    ]


def test_invite_ends_the_older_invitation_of_the_same_address(
    organization: Organization, admin: Membership
) -> None:
    actor = actor_of(admin)
    first = invitations.invite(actor=actor, email="guest@example.com", role=Role.ADMIN)

    invitations.invite(actor=actor, email="guest@example.com", role=Role.VIEWER)

    with pytest.raises(Conflict):
        accept(token_of(first.url), name="Guest", password=PASSWORD)


def test_invite_says_which_older_ones_it_revoked(
    organization: Organization, admin: Membership, stranger: Membership, facts: list[bus.Fact]
) -> None:
    older, _ = make_invitation(organization, email="guest@example.com")
    make_invitation(organization, email="other@example.com")
    make_invitation(stranger.organization, email="guest@example.com")

    invited = invitations.invite(actor=actor_of(admin), email="guest@example.com", role=Role.USER)

    assert [(fact.topic, fact.object_id) for fact in facts] == [
        (topics.INVITATION_REVOKED, older.public_id),
        (topics.INVITATION_CREATED, invited.invitation.public_id),
    ]


def test_forget_closed_drops_what_is_long_over_in_every_organization(
    organization: Organization, stranger: Membership
) -> None:
    now = timezone.now()
    long_ago, lately = now - timedelta(days=31), now - timedelta(days=29)
    kept = [
        make_invitation(organization, accepted_at=lately)[0],
        make_invitation(organization, revoked_at=lately)[0],
        make_invitation(organization, expires_at=lately)[0],
        make_invitation(organization)[0],
    ]
    make_invitation(organization, accepted_at=long_ago)
    make_invitation(organization, revoked_at=long_ago)
    make_invitation(stranger.organization, expires_at=long_ago)

    dropped = invitations.forget_closed()

    assert dropped == 3
    assert list(Invitation._base_manager.order_by("pk")) == kept


def test_invite_refuses_members(organization: Organization, admin: Membership) -> None:
    member = make_member(organization)

    with pytest.raises(Conflict) as caught:
        invitations.invite(actor=actor_of(admin), email=member.user.email, role=Role.ADMIN)

    assert caught.value.code == "already_member"


def test_invite_takes_members_of_other_organizations(
    admin: Membership, stranger: Membership
) -> None:
    invited = invitations.invite(actor=actor_of(admin), email=stranger.user.email, role=Role.USER)

    assert invited.invitation.email == stranger.user.email


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
def test_invite_is_for_administrators(organization: Organization, role: Role) -> None:
    actor = actor_of(make_member(organization, role))

    with pytest.raises(PermissionDenied):
        invitations.invite(actor=actor, email="guest@example.com", role=Role.VIEWER)


def test_revoke_invitation_closes_the_link(
    organization: Organization, admin: Membership, facts: list[bus.Fact]
) -> None:
    invitation, token = make_invitation(organization)
    revoke = {"actor": actor_of(admin), "invitation_id": invitation.public_id}

    invitations.revoke_invitation(**revoke)
    invitations.revoke_invitation(**revoke)

    with pytest.raises(Conflict):
        accept(token, name="Guest", password=PASSWORD)
    assert [fact.topic for fact in facts] == [topics.INVITATION_REVOKED]


def test_revoke_invitation_refuses_what_was_accepted(
    organization: Organization, admin: Membership
) -> None:
    invitation, token = make_invitation(organization)
    accept(token, name="Guest", password=PASSWORD)

    with pytest.raises(Conflict) as caught:
        invitations.revoke_invitation(actor=actor_of(admin), invitation_id=invitation.public_id)

    assert caught.value.code == "invitation_accepted"


def test_revoke_invitation_finds_none_elsewhere(admin: Membership, stranger: Membership) -> None:
    invitation, _ = make_invitation(stranger.organization)

    with pytest.raises(NotFound):
        invitations.revoke_invitation(actor=actor_of(admin), invitation_id=invitation.public_id)


def test_revoke_invitation_is_for_administrators(organization: Organization) -> None:
    invitation, _ = make_invitation(organization)

    with pytest.raises(PermissionDenied):
        invitations.revoke_invitation(
            actor=actor_of(make_member(organization)), invitation_id=invitation.public_id
        )


def test_accept_invitation_makes_an_account(
    organization: Organization, facts: list[bus.Fact]
) -> None:
    invitation, token = make_invitation(
        organization, email="guest@example.com", role=Role.VIEWER, is_approver=True
    )

    membership = accept(token, name="Grace Hopper", password=PASSWORD)

    user = User.objects.get(email="guest@example.com")
    assert (user.name, user.check_password(PASSWORD), user.is_staff) == (
        "Grace Hopper",
        True,
        False,
    )
    assert (membership.user, membership.organization, membership.role, membership.is_approver) == (
        user,
        organization,
        "viewer",
        True,
    )
    assert [(fact.topic, fact.object_id) for fact in facts] == [
        (topics.INVITATION_ACCEPTED, invitation.public_id),
        (topics.MEMBER_ADDED, membership.public_id),
    ]
    assert facts[0].actor is not None
    assert facts[0].actor.principal == user.public_id


def test_accept_invitation_works_once(organization: Organization) -> None:
    _, token = make_invitation(organization)
    accept(token, name="Guest", password=PASSWORD)

    with pytest.raises(Conflict) as caught:
        accept(token, name="Guest", password=PASSWORD)

    assert caught.value.code == "invitation_closed"
    assert Membership.objects.count() == 1


def test_accept_invitation_refuses_an_expired_one(organization: Organization) -> None:
    _, token = make_invitation(organization, expires_at=timezone.now() - timedelta(seconds=1))

    with pytest.raises(Conflict):
        accept(token, name="Guest", password=PASSWORD)

    assert User.objects.count() == 0


@pytest.mark.parametrize("token", ["", "x", "0" * 43])
def test_accept_invitation_refuses_a_made_up_link(organization: Organization, token: str) -> None:
    make_invitation(organization)

    with pytest.raises(NotFound):
        accept(token, name="Guest", password=PASSWORD)


def test_accept_invitation_takes_the_password_of_an_account(organization: Organization) -> None:
    user = make_user()
    _, token = make_invitation(organization, email=user.email)

    membership = accept(token, password=PASSWORD)

    assert membership.user == user


def test_accept_invitation_refuses_a_wrong_password_and_changes_nothing(
    organization: Organization,
) -> None:
    user = make_user()
    invitation, token = make_invitation(organization, email=user.email)

    with pytest.raises(BadCredentials):
        accept(token, password="a wrong password")

    invitation.refresh_from_db()
    user.refresh_from_db()
    assert invitation.is_open(timezone.now())
    assert user.check_password(PASSWORD)
    assert Membership.objects.count() == 0


def test_accept_invitation_takes_who_is_signed_in(
    organization: Organization, stranger: Membership
) -> None:
    _, token = make_invitation(organization, email=stranger.user.email)

    with organization_scope(stranger.organization_id):
        membership = accept(token, actor=actor_of(stranger))

    assert (membership.user, membership.organization) == (stranger.user, organization)


def test_accept_invitation_refuses_somebody_else_signed_in(
    organization: Organization, stranger: Membership
) -> None:
    _, token = make_invitation(organization)

    with pytest.raises(PermissionDenied) as caught:
        accept(token, actor=actor_of(stranger))

    assert caught.value.code == "other_address"


def test_accept_invitation_takes_no_key_for_a_person(
    organization: Organization, stranger: Membership
) -> None:
    _, token = make_invitation(organization, email=stranger.user.email)

    with pytest.raises(BadCredentials):
        accept(token, actor=actor_of(stranger, CredentialKind.KEY))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "Guest", "password": "short"}, "password"),
        ({"name": "Guest", "password": "password1234"}, "password"),
        ({"name": "Guest"}, "password"),
        ({"password": PASSWORD}, "name"),
    ],
)
def test_accept_invitation_wants_a_name_and_a_good_password_for_a_new_account(
    organization: Organization, values: dict[str, str], field: str
) -> None:
    _, token = make_invitation(organization)

    with pytest.raises(Invalid) as caught:
        accept(token, **values)

    assert {error.field for error in caught.value.fields} == {field}
    assert User.objects.count() == 0


def test_accept_invitation_refuses_a_member(organization: Organization, admin: Membership) -> None:
    _, token = make_invitation(organization, email=admin.user.email)

    with pytest.raises(Conflict) as caught:
        accept(token, password=PASSWORD)

    assert caught.value.code == "already_member"


def test_invitation_by_token_shows_the_link_s_holder_what_it_is(
    organization: Organization,
) -> None:
    invitation, token = make_invitation(organization)

    assert people.invitation_by_token(token) == invitation
