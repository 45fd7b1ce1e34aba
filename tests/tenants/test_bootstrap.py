from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.core import bus
from apps.core.tenancy import organization_scope, unscoped
from apps.tenants import topics
from apps.tenants.models import Membership, Organization, User
from tests.factories.tenants import PASSWORD, make_member

pytestmark = pytest.mark.django_db

ADA = {"organization": "acme", "email": "ada@example.com", "password": PASSWORD}


def run(**options: Any) -> dict[str, Any]:
    output = StringIO()
    call_command("bootstrap", **(ADA | options), stdout=output)
    (line,) = output.getvalue().splitlines()
    answer: dict[str, Any] = json.loads(line)
    return answer


def memberships() -> list[tuple[str, str, str, bool]]:
    with unscoped(reason="a test looks at every organisation"):
        return [
            (each.organization.slug, each.user.email, each.role, each.is_approver)
            for each in Membership.objects.select_related("organization", "user").order_by("pk")
        ]


def test_bootstrap_creates_what_is_missing(facts: list[bus.Fact]) -> None:
    line = run()

    user = User.objects.get()
    assert line == {"organization": "acme", "user": "ada@example.com", "role": "admin"}
    assert memberships() == [("acme", "ada@example.com", "admin", False)]
    assert (user.check_password(PASSWORD), user.is_staff) == (True, False)
    assert [fact.topic for fact in facts] == [topics.ORGANIZATION_CREATED, topics.MEMBER_ADDED]


def test_bootstrap_again_says_the_same_and_changes_nothing(facts: list[bus.Fact]) -> None:
    first = run()
    before = User.objects.values().get()
    facts.clear()

    second = run(password="another password entirely", role="viewer", email="ADA@example.com")

    assert second == first
    assert User.objects.values().get() == before
    assert memberships() == [("acme", "ada@example.com", "admin", False)]
    assert facts == []


def test_bootstrap_gives_grants_that_are_missing() -> None:
    run(role="user")

    run(role="user", approver=True, staff=True)

    user = User.objects.get()
    assert memberships() == [("acme", "ada@example.com", "user", True)]
    assert (user.is_staff, user.is_superuser) == (True, True)


def test_bootstrap_takes_no_grant_away() -> None:
    run(approver=True, staff=True)

    run()

    assert memberships() == [("acme", "ada@example.com", "admin", True)]
    assert User.objects.get().is_staff is True


def test_bootstrap_adds_a_person_to_an_organization_that_is_there() -> None:
    member = make_member(Organization.objects.create(slug="acme", name="Acme Ltd"))

    run(role="viewer")

    assert memberships() == [
        ("acme", member.user.email, "user", False),
        ("acme", "ada@example.com", "viewer", False),
    ]
    assert Organization.objects.get().name == "Acme Ltd"


def test_bootstrap_works_whatever_organization_is_entered() -> None:
    member = make_member()

    with organization_scope(member.organization_id):
        run()

    assert len(memberships()) == 2


@pytest.mark.parametrize(
    "wrong", [{"organization": "not a slug"}, {"email": "nobody"}, {"password": ""}]
)
def test_bootstrap_says_what_is_wrong(wrong: dict[str, str]) -> None:
    with pytest.raises(CommandError):
        run(**wrong)

    assert (User.objects.count(), Organization.objects.count()) == (0, 0)


def test_bootstrap_refuses_the_role_of_programs() -> None:
    with pytest.raises(CommandError):
        call_command(
            "bootstrap",
            "--organization=acme",
            "--email=ada@example.com",
            f"--password={PASSWORD}",
            "--role=service",
        )
