from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Role
from apps.core.errors import AppError
from apps.core.tenancy import unscoped
from apps.events.models import AuditEntry
from apps.keys.models import ApiKey
from apps.keys.queries.identities import identity_of_key
from apps.providers.queries.tables import load_table
from apps.tenants.models import Membership, Organization, User
from config import demo
from tests.factories.tenants import make_organization

pytestmark = pytest.mark.django_db


def test_create_demo_makes_an_organization_its_people_and_a_key() -> None:
    made = demo.create_demo()

    assert made is not None
    with unscoped(reason="a test looks at every organisation"):
        members = [
            (
                member.organization.slug,
                member.user.email,
                member.role,
                member.is_approver,
                member.user.is_staff,
            )
            for member in Membership.objects.select_related("user", "organization").order_by("pk")
        ]
    assert members == [
        ("demo", "admin@demo.example", "admin", False, True),
        ("demo", "user@demo.example", "user", False, False),
        ("demo", "approver@demo.example", "user", True, False),
    ]
    assert [
        User.objects.get(email=person.email).check_password(person.password)
        for person in made.people
    ] == [True, True, True]


def test_create_demo_s_key_is_the_admin_s() -> None:
    made = demo.create_demo()

    assert made is not None
    identity = identity_of_key(made.key)
    with unscoped(reason="a test looks at every organisation"):
        assert ApiKey.objects.get().name == "demo"
    assert (identity.email, identity.role, identity.organization_slug) == (
        "admin@demo.example",
        Role.ADMIN,
        "demo",
    )


def test_create_demo_is_audited() -> None:
    demo.create_demo()

    with unscoped(reason="a test looks at every organisation"):
        actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
        assert list(actions) == [
            "tenants.organization.created",
            "tenants.member.added",
            "tenants.member.added",
            "tenants.member.added",
            "providers.provider.created",
            "providers.deployment.created",
            "providers.route.created",
            "keys.key.created",
        ]


@pytest.mark.parametrize("has_local", [False, True])
def test_create_demo_offers_models_that_need_no_account(settings: Any, has_local: bool) -> None:
    settings.SIGNALBOX_LOCAL_LLM = has_local
    demo.create_demo()

    table = load_table(Organization.objects.get().pk)
    offered = {
        name: (route.targets[0].deployment.provider.kind, route.fallbacks)
        for name, route in table.routes.items()
    }
    assert offered == {"simulated": ("simulated", ())} | (
        {"smollm2": ("local", ("simulated",))} if has_local else {}
    )
    assert not any(view.price.is_free for view in table.deployments.values())


def test_create_demo_changes_nothing_where_there_is_an_organization() -> None:
    make_organization()

    assert demo.create_demo() is None
    assert (Organization.objects.count(), User.objects.count()) == (1, 0)


def test_create_demo_makes_all_of_it_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise AppError

    monkeypatch.setattr(demo.keys, "issue_key", fail)

    with pytest.raises(AppError):
        demo.create_demo()

    assert (Organization.objects.count(), User.objects.count()) == (0, 0)


def test_lines_say_who_may_sign_in_and_the_key() -> None:
    made = demo.Demo(
        [
            demo.Person("admin", "admin@demo.example", "one"),
            demo.Person("user", "user@demo.example", "two"),
        ],
        "ltb_three",
    )

    assert made.lines() == [
        "admin admin@demo.example / one",
        "user user@demo.example / two",
        "key ltb_three",
    ]
