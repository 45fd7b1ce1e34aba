from __future__ import annotations

from dataclasses import replace

import pytest

from apps.core import bus
from apps.core.actor import Actor, CredentialKind, Role
from apps.core.errors import NotFound, PermissionDenied, Stale
from apps.core.models import ChangeMark
from apps.core.permissions import permissions_of
from apps.core.tenancy import organization_scope
from apps.tenants import topics
from apps.tenants.errors import NameTaken
from apps.tenants.models import Membership, Organization
from apps.tenants.queries import organizations as queries
from apps.tenants.services import organizations
from tests.factories.tenants import (
    actor_of,
    actor_of_account,
    make_admin,
    make_member,
    make_organization,
    make_service_account,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(organization: Organization) -> Actor:
    return actor_of(make_admin(organization, user=make_user(is_staff=True)))


def test_create_organization_makes_the_operator_its_administrator(
    operator: Actor, facts: list[bus.Fact]
) -> None:
    made = organizations.create_organization(actor=operator, name="Beta", slug="beta")

    with organization_scope(made.pk):
        membership = Membership.objects.get()
    assert (made.name, made.slug, made.revision) == ("Beta", "beta", 1)
    assert (membership.user_id, membership.role) == (operator.user_id, "admin")
    assert [(fact.topic, fact.organization_id, fact.object_id) for fact in facts] == [
        (topics.ORGANIZATION_CREATED, made.pk, made.public_id)
    ]


def test_create_organization_refuses_a_taken_slug(
    operator: Actor, stranger: Membership, facts: list[bus.Fact]
) -> None:
    with pytest.raises(NameTaken):
        organizations.create_organization(
            actor=operator, name="Copy", slug=stranger.organization.slug
        )

    assert facts == []


def test_create_organization_is_not_for_administrators(admin: Membership) -> None:
    with pytest.raises(PermissionDenied):
        organizations.create_organization(actor=actor_of(admin), name="Beta", slug="beta")


def test_create_organization_is_not_for_a_lesser_key_of_the_operator(operator: Actor) -> None:
    lesser = replace(
        operator,
        identity=replace(operator.identity, role=Role.USER, permissions=permissions_of(Role.USER)),
    )

    with pytest.raises(PermissionDenied):
        organizations.create_organization(actor=lesser, name="Beta", slug="beta")


def test_update_organization_renames(admin: Membership, facts: list[bus.Fact]) -> None:
    changed = organizations.update_organization(
        actor=actor_of(admin), name="Acme Ltd", expected_revision=1
    )

    assert (changed.name, changed.slug, changed.revision) == ("Acme Ltd", "acme", 2)
    assert [(fact.topic, fact.before, fact.after) for fact in facts] == [
        (
            topics.ORGANIZATION_UPDATED,
            {"name": "Acme", "slug": "acme"},
            {"name": "Acme Ltd", "slug": "acme"},
        )
    ]
    assert ChangeMark.objects.filter(scope=f"identity:{changed.public_id}").exists()


def test_update_organization_refuses_an_older_revision(admin: Membership) -> None:
    actor = actor_of(admin)
    organizations.update_organization(actor=actor, name="Acme Ltd", expected_revision=1)

    with pytest.raises(Stale):
        organizations.update_organization(actor=actor, name="Acme Inc", expected_revision=1)

    assert Organization.objects.get(slug="acme").name == "Acme Ltd"


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
def test_update_organization_is_for_administrators(organization: Organization, role: Role) -> None:
    actor = actor_of(make_member(organization, role))

    with pytest.raises(PermissionDenied):
        organizations.update_organization(actor=actor, name="Ours")


@pytest.mark.parametrize("kind", [CredentialKind.JWT, CredentialKind.SESSION])
def test_visible_to_a_person_are_their_organizations(
    admin: Membership, stranger: Membership, kind: CredentialKind
) -> None:
    other = make_member(user=admin.user)

    found = list(queries.visible_to(actor_of(admin, kind)))

    assert found == [admin.organization, other.organization]


def test_visible_to_a_key_is_the_one_it_belongs_to(admin: Membership, stranger: Membership) -> None:
    make_member(user=admin.user)

    found = list(queries.visible_to(actor_of(admin, CredentialKind.KEY)))

    assert found == [admin.organization]


def test_visible_to_a_program_is_its_own(organization: Organization, stranger: Membership) -> None:
    actor = actor_of_account(make_service_account(organization))

    assert list(queries.visible_to(actor)) == [organization]


def test_visible_to_the_operator_are_all(operator: Actor, stranger: Membership) -> None:
    found = list(queries.visible_to(operator))

    assert found == list(Organization.objects.order_by("pk"))


def test_get_finds_no_other_organization(admin: Membership) -> None:
    elsewhere = make_organization()

    assert queries.get(actor_of(admin), admin.organization.public_id) == admin.organization
    with pytest.raises(NotFound):
        queries.get(actor_of(admin), elsewhere.public_id)


def test_current_is_the_actor_s(admin: Membership, stranger: Membership) -> None:
    assert queries.current(actor_of(admin)) == admin.organization
