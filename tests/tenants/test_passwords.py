from __future__ import annotations

import pytest

from apps.core import bus
from apps.core.actor import CredentialKind
from apps.core.errors import Invalid, Limited, PermissionDenied, Unauthenticated
from apps.core.models import ChangeMark
from apps.tenants import topics
from apps.tenants.domain.visit import Visit
from apps.tenants.models import Membership, Organization
from apps.tenants.queries.identities import identity_of_access_token
from apps.tenants.services import passwords
from tests.factories.tenants import (
    PASSWORD,
    actor_of,
    actor_of_account,
    log_in,
    make_member,
    make_service_account,
)

pytestmark = pytest.mark.django_db

VISIT = Visit(address="192.0.2.9")
NEW = "staple battery horse correct"


def change(
    member: Membership,
    *,
    current: str = PASSWORD,
    new: str = NEW,
    kind: CredentialKind = CredentialKind.JWT,
) -> None:
    passwords.change_password(
        actor=actor_of(member, kind), current_password=current, new_password=new, visit=VISIT
    )


def test_change_password_ends_every_login_in_every_organization(
    organization: Organization, facts: list[bus.Fact]
) -> None:
    member = make_member(organization)
    elsewhere = make_member(user=member.user)
    logins = [log_in(member), log_in(elsewhere)]
    facts.clear()

    change(member)

    member.user.refresh_from_db()
    assert (member.user.check_password(NEW), member.user.token_version) == (True, 2)
    for login in logins:
        with pytest.raises(Unauthenticated):
            identity_of_access_token(login.access)
    assert [(fact.topic, fact.organization_id, fact.object_id) for fact in facts] == [
        (topics.PASSWORD_CHANGED, organization.pk, member.user.public_id),
        (topics.PASSWORD_CHANGED, elsewhere.organization_id, member.user.public_id),
    ]
    assert [(fact.before, fact.after) for fact in facts] == [(None, None)] * 2
    told = set(ChangeMark.objects.exclude(scope="").values_list("scope", flat=True))
    assert told == {
        f"identity:{organization.public_id}",
        f"identity:{elsewhere.organization.public_id}",
    }


def test_change_password_leaves_other_people_s_logins(
    organization: Organization, stranger: Membership
) -> None:
    member = make_member(organization)
    other = log_in(stranger)

    change(member)

    assert identity_of_access_token(other.access).user_id == stranger.user_id


def test_change_password_wants_the_present_one(organization: Organization) -> None:
    member = make_member(organization)

    with pytest.raises(Invalid) as caught:
        change(member, current="wrong")

    assert [error.field for error in caught.value.fields] == ["current_password"]
    member.user.refresh_from_db()
    assert member.user.check_password(PASSWORD)


def test_change_password_is_no_place_to_guess_at(organization: Organization) -> None:
    member = make_member(organization)
    for _ in range(5):
        with pytest.raises(Invalid):
            change(member, current="wrong")

    with pytest.raises(Limited):
        change(member)


@pytest.mark.parametrize("weak", ["short", "1234567890", "password1234", ""])
def test_change_password_refuses_a_weak_one(organization: Organization, weak: str) -> None:
    member = make_member(organization)

    with pytest.raises(Invalid) as caught:
        change(member, new=weak)

    assert {error.field for error in caught.value.fields} == {"new_password"}


def test_change_password_is_not_for_keys(organization: Organization) -> None:
    with pytest.raises(PermissionDenied):
        change(make_member(organization), kind=CredentialKind.KEY)


def test_change_password_is_not_for_programs(organization: Organization) -> None:
    account = make_service_account(organization)

    with pytest.raises(PermissionDenied):
        passwords.change_password(
            actor=actor_of_account(account),
            current_password=PASSWORD,
            new_password=NEW,
            visit=VISIT,
        )
