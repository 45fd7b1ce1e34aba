from __future__ import annotations

import pytest

from apps.core import bus
from apps.core.actor import Role
from apps.core.errors import NotFound, PermissionDenied, Stale
from apps.core.models import ChangeMark
from apps.tenants import topics
from apps.tenants.errors import NameTaken
from apps.tenants.models import Membership, Organization, ServiceAccount
from apps.tenants.services import service_accounts
from tests.factories.tenants import actor_of, make_member, make_service_account

pytestmark = pytest.mark.django_db


def test_create_service_account_belongs_to_the_actor_s_organization(
    organization: Organization, admin: Membership, facts: list[bus.Fact]
) -> None:
    account = service_accounts.create_service_account(actor=actor_of(admin), name="nightly")

    assert (account.organization, account.created_by, account.is_active) == (
        organization,
        admin.user,
        True,
    )
    assert [(fact.topic, fact.object_id, fact.after) for fact in facts] == [
        (
            topics.SERVICE_ACCOUNT_CREATED,
            account.public_id,
            {"name": "nightly", "is_active": True},
        )
    ]


def test_create_service_account_refuses_a_taken_name(
    organization: Organization, admin: Membership, facts: list[bus.Fact]
) -> None:
    make_service_account(organization, name="nightly")

    with pytest.raises(NameTaken):
        service_accounts.create_service_account(actor=actor_of(admin), name="nightly")

    assert facts == []


def test_create_service_account_takes_a_name_used_elsewhere(
    admin: Membership, stranger: Membership
) -> None:
    make_service_account(stranger.organization, name="nightly")

    account = service_accounts.create_service_account(actor=actor_of(admin), name="nightly")

    assert account.name == "nightly"


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
def test_create_service_account_is_for_administrators(
    organization: Organization, role: Role
) -> None:
    with pytest.raises(PermissionDenied):
        service_accounts.create_service_account(
            actor=actor_of(make_member(organization, role)), name="nightly"
        )


def test_change_service_account_switches_it_off(
    organization: Organization, admin: Membership, facts: list[bus.Fact]
) -> None:
    account = make_service_account(organization, name="nightly")

    changed = service_accounts.change_service_account(
        actor=actor_of(admin), account_id=account.public_id, is_active=False, expected_revision=1
    )

    assert (changed.name, changed.is_active, changed.revision) == ("nightly", False, 2)
    assert [(fact.topic, fact.before, fact.after) for fact in facts] == [
        (
            topics.SERVICE_ACCOUNT_UPDATED,
            {"name": "nightly", "is_active": True},
            {"name": "nightly", "is_active": False},
        )
    ]
    assert ChangeMark.objects.filter(scope=f"identity:{organization.public_id}").exists()


def test_change_service_account_refuses_a_taken_name(
    organization: Organization, admin: Membership
) -> None:
    make_service_account(organization, name="nightly")
    account = make_service_account(organization, name="weekly")

    with pytest.raises(NameTaken):
        service_accounts.change_service_account(
            actor=actor_of(admin), account_id=account.public_id, name="nightly"
        )

    assert ServiceAccount.objects.get(pk=account.pk).name == "weekly"


def test_change_service_account_refuses_an_older_revision(
    organization: Organization, admin: Membership
) -> None:
    account = make_service_account(organization, revision=2)

    with pytest.raises(Stale):
        service_accounts.change_service_account(
            actor=actor_of(admin), account_id=account.public_id, name="new", expected_revision=1
        )


def test_change_service_account_finds_none_elsewhere(
    admin: Membership, stranger: Membership
) -> None:
    account = make_service_account(stranger.organization)

    with pytest.raises(NotFound):
        service_accounts.change_service_account(
            actor=actor_of(admin), account_id=account.public_id, is_active=False
        )


def test_change_service_account_is_for_administrators(organization: Organization) -> None:
    account = make_service_account(organization)

    with pytest.raises(PermissionDenied):
        service_accounts.change_service_account(
            actor=actor_of(make_member(organization)), account_id=account.public_id, name="mine"
        )
