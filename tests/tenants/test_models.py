from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.core.actor import Role
from apps.core.errors import NotFound
from apps.tenants.models import Membership, Organization, User
from tests.factories.tenants import (
    make_invitation,
    make_member,
    make_service_account,
    make_user,
)

pytestmark = pytest.mark.django_db


def test_user_email_is_unique_whatever_its_case() -> None:
    make_user(email="ada@example.com")

    with pytest.raises(IntegrityError), transaction.atomic():
        make_user(email="ADA@example.com")


def test_user_natural_key_is_found_whatever_its_case() -> None:
    user = make_user(email="ada@example.com")

    found = User.objects.get_by_natural_key(" Ada@Example.com ")

    assert found == user


def test_user_session_hash_changes_with_the_token_version() -> None:
    user = make_user()
    before = user.get_session_auth_hash()

    user.token_version += 1

    assert user.get_session_auth_hash() != before


def test_membership_is_one_a_person_and_organization(organization: Organization) -> None:
    member = make_member(organization)

    with pytest.raises(IntegrityError, match=r"(?i)unique"), transaction.atomic():
        make_member(organization, user=member.user)


def test_membership_refuses_the_role_of_programs(organization: Organization) -> None:
    with pytest.raises(IntegrityError, match="tenants_membership_role"), transaction.atomic():
        make_member(organization, Role.SERVICE)


def test_service_account_name_is_unique_in_its_organization_alone(
    organization: Organization, stranger: Membership
) -> None:
    make_service_account(organization, name="nightly")
    make_service_account(stranger.organization, name="nightly")

    with pytest.raises(IntegrityError, match=r"(?i)unique"), transaction.atomic():
        make_service_account(organization, name="nightly")


def test_invitation_ends_in_one_way(organization: Organization) -> None:
    now = timezone.now()

    with pytest.raises(IntegrityError, match="tenants_invitation_one_end"), transaction.atomic():
        make_invitation(organization, accepted_at=now, revoked_at=now)


@pytest.mark.parametrize(
    "malformed", ["", "mem_", "org_" + "0" * 32, "mem_xyz", "1", "mem_" + "g" * 32]
)
def test_public_id_malformed_is_not_found(organization: Organization, malformed: str) -> None:
    with pytest.raises(NotFound):
        Membership.objects.filter(public_id=malformed).exists()
