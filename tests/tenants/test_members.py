from __future__ import annotations

import pytest

from apps.core import bus
from apps.core.actor import Actor, Role
from apps.core.errors import NotFound, PermissionDenied, Stale, Unauthenticated
from apps.core.models import ChangeMark
from apps.tenants import topics
from apps.tenants.errors import LastAdmin
from apps.tenants.models import Membership, Organization, User
from apps.tenants.queries.identities import identity_of_access_token
from apps.tenants.services import members
from tests.factories.tenants import (
    actor_of,
    actor_of_account,
    log_in,
    make_admin,
    make_member,
    make_service_account,
)

pytestmark = pytest.mark.django_db


def test_change_member_gives_role_and_grant(
    organization: Organization, admin: Membership, facts: list[bus.Fact]
) -> None:
    member = make_member(organization, Role.VIEWER)

    changed = members.change_member(
        actor=actor_of(admin), member_id=member.public_id, role=Role.USER, is_approver=True
    )

    member.refresh_from_db()
    assert (member.role, member.is_approver, member.revision) == ("user", True, 2)
    assert changed == member
    assert [(fact.topic, fact.object_id, fact.before, fact.after) for fact in facts] == [
        (
            topics.MEMBER_ROLE_CHANGED,
            member.public_id,
            {"role": "viewer", "approver": False},
            {"role": "user", "approver": True},
        )
    ]
    assert ChangeMark.objects.filter(scope=f"identity:{organization.public_id}").exists()


def test_change_member_leaves_what_is_not_named(
    organization: Organization, admin: Membership
) -> None:
    member = make_member(organization, Role.USER, is_approver=True)

    changed = members.change_member(
        actor=actor_of(admin), member_id=member.public_id, role=Role.VIEWER
    )

    assert (changed.role, changed.is_approver) == ("viewer", True)


def test_change_member_refuses_an_older_revision(
    organization: Organization, admin: Membership
) -> None:
    member = make_member(organization)
    change = {"actor": actor_of(admin), "member_id": member.public_id, "expected_revision": 1}
    members.change_member(**change, is_approver=True)

    with pytest.raises(Stale):
        members.change_member(**change, role=Role.ADMIN)

    member.refresh_from_db()
    assert member.role == "user"


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
def test_change_member_is_for_administrators(
    organization: Organization, admin: Membership, role: Role
) -> None:
    actor = actor_of(make_member(organization, role))

    with pytest.raises(PermissionDenied):
        members.change_member(actor=actor, member_id=admin.public_id, role=Role.VIEWER)


def test_change_member_is_not_for_programs(organization: Organization, admin: Membership) -> None:
    actor = actor_of_account(make_service_account(organization))

    with pytest.raises(PermissionDenied):
        members.change_member(actor=actor, member_id=admin.public_id, role=Role.VIEWER)


def test_change_member_finds_nobody_elsewhere(admin: Membership, stranger: Membership) -> None:
    with pytest.raises(NotFound):
        members.change_member(actor=actor_of(admin), member_id=stranger.public_id, role=Role.VIEWER)


def test_change_member_lets_nobody_raise_themselves(admin: Membership) -> None:
    with pytest.raises(PermissionDenied) as caught:
        members.change_member(actor=actor_of(admin), member_id=admin.public_id, is_approver=True)

    assert caught.value.code == "self_raise"


def test_change_member_lets_an_approver_keep_the_grant_they_have(
    organization: Organization,
) -> None:
    admin = make_admin(organization, is_approver=True)

    changed = members.change_member(
        actor=actor_of(admin), member_id=admin.public_id, role=Role.ADMIN, is_approver=True
    )

    assert changed.is_approver is True


def test_change_member_lets_one_of_two_administrators_step_down(
    organization: Organization, admin: Membership
) -> None:
    make_admin(organization)

    changed = members.change_member(
        actor=actor_of(admin), member_id=admin.public_id, role=Role.USER
    )

    assert changed.role == "user"


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
def test_change_member_keeps_the_last_administrator(
    organization: Organization, admin: Membership, stranger: Membership, role: Role
) -> None:
    make_member(organization)

    with pytest.raises(LastAdmin):
        members.change_member(actor=actor_of(admin), member_id=admin.public_id, role=role)


def test_change_member_does_not_count_who_is_switched_off(
    organization: Organization, admin: Membership
) -> None:
    off = make_admin(organization)
    User.objects.filter(pk=off.user_id).update(is_active=False)

    with pytest.raises(LastAdmin):
        members.change_member(actor=actor_of(admin), member_id=admin.public_id, role=Role.USER)


def test_remove_member_ends_every_login_everywhere(
    organization: Organization, admin: Membership, facts: list[bus.Fact]
) -> None:
    member = make_member(organization)
    elsewhere = make_member(user=member.user)
    logins = [log_in(member), log_in(elsewhere)]
    facts.clear()

    members.remove_member(actor=actor_of(admin), member_id=member.public_id)

    assert not Membership.objects.filter(pk=member.pk).exists()
    for login in logins:
        with pytest.raises(Unauthenticated):
            identity_of_access_token(login.access)
    assert [(fact.topic, fact.object_id, fact.before, fact.after) for fact in facts] == [
        (topics.MEMBER_REMOVED, member.public_id, {"role": "user", "approver": False}, None)
    ]
    told = set(ChangeMark.objects.exclude(scope="").values_list("scope", flat=True))
    assert told == {
        f"identity:{organization.public_id}",
        f"identity:{elsewhere.organization.public_id}",
    }


def test_remove_member_lets_them_log_in_where_they_still_belong(
    organization: Organization, admin: Membership
) -> None:
    member = make_member(organization)
    elsewhere = make_member(user=member.user)

    members.remove_member(actor=actor_of(admin), member_id=member.public_id)

    identity = identity_of_access_token(log_in(elsewhere).access)
    assert identity.organization == elsewhere.organization.public_id


def test_remove_member_keeps_the_last_administrator(
    admin: Membership, stranger: Membership
) -> None:
    with pytest.raises(LastAdmin):
        members.remove_member(actor=actor_of(admin), member_id=admin.public_id)

    assert Membership.objects.filter(pk=admin.pk).exists()


def test_remove_member_lets_one_of_two_administrators_leave(
    organization: Organization, admin: Membership
) -> None:
    make_admin(organization)

    members.remove_member(actor=actor_of(admin), member_id=admin.public_id)

    assert not Membership.objects.filter(pk=admin.pk).exists()


def test_remove_member_finds_nobody_elsewhere(admin: Membership, stranger: Membership) -> None:
    with pytest.raises(NotFound):
        members.remove_member(actor=actor_of(admin), member_id=stranger.public_id)


def test_remove_member_is_for_administrators(organization: Organization, admin: Membership) -> None:
    actor: Actor = actor_of(make_member(organization))

    with pytest.raises(PermissionDenied):
        members.remove_member(actor=actor, member_id=admin.public_id)
