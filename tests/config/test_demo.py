from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.core.actor import Role
from apps.core.errors import AppError
from apps.core.tenancy import organization_scope, unscoped
from apps.events.models import AuditEntry
from apps.keys.models import ApiKey
from apps.keys.queries.directory import command_actor
from apps.keys.queries.identities import identity_of_key
from apps.models.enums import Stage
from apps.models.models import ModelVersion
from apps.models.queries import registry as models
from apps.models.services import registry, stages
from apps.providers.queries import routing as queries
from apps.providers.queries.tables import load_table
from apps.providers.services import deployments, providers, routes
from apps.tenants.models import Membership, Organization, User
from config import demo
from config.churn import registering
from config.churn.customers import EXAMPLE, SCHEMA
from tests.factories.approvals import make_policy
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


@pytest.fixture
def demo_without(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Organization:
    """A demo that was made by `LOCAL_LLM=0`; since then the model was installed."""
    settings.SIGNALBOX_LOCAL_LLM = False
    demo.create_demo()
    settings.SIGNALBOX_LOCAL_LLM = True
    monkeypatch.setattr(demo, "is_installed", lambda: True)
    return Organization.objects.get()


def test_add_local_model_makes_what_a_first_start_would_have(demo_without: Organization) -> None:
    assert [demo.add_local_model(), demo.add_local_model()] == [True, False]

    route = load_table(demo_without.pk).routes["smollm2"]
    assert route.targets[0].deployment.provider.kind == "local"
    assert route.fallbacks == ("simulated",)


def test_add_local_model_leaves_alone_who_took_it_away(demo_without: Organization) -> None:
    demo.add_local_model()
    actor = command_actor(demo_without)
    with organization_scope(demo_without.pk):
        routes.remove_route(actor=actor, name="smollm2")
        (deployment,) = queries.deployments(actor=actor, provider="local")
        deployments.remove_deployment(actor=actor, deployment_id=deployment.public_id)
        providers.remove_provider(
            actor=actor, provider_id=queries.providers(actor=actor).get(name="local").public_id
        )

    assert demo.add_local_model() is False
    assert set(load_table(demo_without.pk).routes) == {"simulated"}


def test_add_local_model_leaves_alone_who_uses_its_name(demo_without: Organization) -> None:
    with organization_scope(demo_without.pk):
        routes.create_route(
            actor=command_actor(demo_without),
            name="smollm2",
            targets=[{"deployment": "simulated"}],
        )

    assert demo.add_local_model() is False


def test_add_local_model_waits_for_the_model(
    demo_without: Organization, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "is_installed", lambda: False)
    missing = demo.add_local_model()
    monkeypatch.setattr(demo, "is_installed", lambda: True)
    settings.SIGNALBOX_LOCAL_LLM = False

    assert [missing, demo.add_local_model()] == [False, False]


def test_add_local_model_is_for_the_demo_alone(settings: Any) -> None:
    settings.SIGNALBOX_LOCAL_LLM = True
    make_organization()

    assert demo.add_local_model() is False


def catalog(organization: Organization) -> list[dict[str, Any]]:
    """What `GET /models` says, without its times."""
    with organization_scope(organization.pk):
        found = models.models_with_versions(actor=command_actor(organization))
        return [
            {
                "name": model.name,
                "current": model.current,
                "aliases": {alias.name: alias.version.label for alias in model.aliases.all()},
                "versions": [
                    (each.label, each.stage, set(each.metrics)) for each in model.newest_versions
                ],
            }
            for model in found
        ]


@pytest.fixture
def demo_before(settings: Any, tmp_path: Path) -> Organization:
    """A demo as it was made before there were models."""
    settings.SIGNALBOX_DATA_DIR = tmp_path
    demo.create_demo()
    return Organization.objects.get()


def test_add_churn_model_registers_a_champion_and_a_challenger(demo_before: Organization) -> None:
    assert [demo.add_churn_model(), demo.add_churn_model()] == [True, False]

    measured = {"accuracy", "precision", "recall"}
    assert catalog(demo_before) == [
        {
            "name": "churn-predictor",
            "current": "1.2.0",
            "aliases": {"champion": "1.2.0"},
            "versions": [("1.3.0", "Staging", measured), ("1.2.0", "Production", measured)],
        }
    ]
    with organization_scope(demo_before.pk):
        versions = list(ModelVersion.objects.order_by("number"))
    assert [list(version.feature_schema) for version in versions] == [list(SCHEMA)] * 2
    assert [version.input_example for version in versions] == [EXAMPLE] * 2
    assert [set(version.lineage) for version in versions] == [{"run_id", "data"}] * 2
    assert [bool(version.description) for version in versions] == [True, True]


def test_add_churn_model_leaves_alone_who_took_it_away(demo_before: Organization) -> None:
    demo.add_churn_model()
    actor = command_actor(demo_before)
    with organization_scope(demo_before.pk):
        stages.set_stage(actor=actor, name="churn-predictor", tag="1.2.0", stage=Stage.ARCHIVED)
        registry.remove_model(actor=actor, name="churn-predictor")

    assert demo.add_churn_model() is False
    assert catalog(demo_before) == []


def test_add_churn_model_leaves_alone_who_uses_its_name(demo_before: Organization) -> None:
    with organization_scope(demo_before.pk):
        registry.register_model(actor=command_actor(demo_before), name="churn-predictor")

    assert demo.add_churn_model() is False
    assert [model["versions"] for model in catalog(demo_before)] == [[]]


def test_add_churn_model_makes_all_of_it_or_nothing(
    demo_before: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise AppError

    with monkeypatch.context() as failing:
        failing.setattr(registering.aliases, "set_alias", fail)
        with pytest.raises(AppError):
            demo.add_churn_model()
    before = catalog(demo_before)

    assert (before, demo.add_churn_model()) == ([], True)


def test_add_churn_model_waits_for_people_where_they_want_to_be_asked(
    demo_before: Organization,
) -> None:
    make_policy(command_actor(demo_before), kind="model.promotion")

    assert demo.add_churn_model() is True
    (model,) = catalog(demo_before)
    assert (model["current"], model["aliases"]) == (None, {})


def test_add_churn_model_is_for_the_demo_alone() -> None:
    make_organization()

    assert demo.add_churn_model() is False


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
