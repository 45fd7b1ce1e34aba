"""Changing deployments: each exit of each service, and the trail."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from apps.core.actor import Actor, Role
from apps.core.errors import Invalid, NotFound, PermissionDenied, Stale
from apps.core.models import ChangeMark
from apps.events.models import AuditEntry
from apps.providers.errors import InUse, NameTaken, TooMany
from apps.providers.models import Deployment
from apps.providers.services import deployments
from apps.tenants.models import Organization
from tests.factories.events import make_actor
from tests.factories.providers import make_deployment, make_provider, make_route


def create(actor: Actor, provider: str, **values: Any) -> Deployment:
    given = {"name": "one", "model": "nobody-knows-it", "input_price": 1, "output_price": 2}
    return deployments.create_deployment(actor=actor, provider=provider, **{**given, **values})


def test_create_deployment_keeps_its_terms(organization: Organization, actor: Actor) -> None:
    provider = make_provider(organization)

    made = create(
        actor,
        provider.public_id,
        input_price="2.50",
        output_price=0.000000001,
        cached_input_price=1.25,
        context_tokens=128_000,
        max_output_tokens=16_384,
        capabilities=["tools", "chat", "chat"],
        limits={"rpm": 60, "parallel": 4},
        timeouts={"total": 30, "idle": 5.5},
    )

    stored = Deployment.objects.get()
    assert stored.public_id == made.public_id
    assert (stored.input_price, stored.output_price) == (Decimal("2.5"), Decimal("0.000000001"))
    assert stored.cached_input_price == Decimal("1.25")
    assert (stored.context_tokens, stored.max_output_tokens) == (128_000, 16_384)
    assert stored.capabilities == ["chat", "tools"]
    assert (stored.requests_per_minute, stored.tokens_per_minute, stored.parallel) == (60, None, 4)
    assert (stored.timeout_seconds, stored.first_token_seconds, stored.idle_seconds) == (
        30.0,
        120.0,
        5.5,
    )
    (entry,) = AuditEntry.objects.all()
    assert (entry.action, entry.after) == (
        "providers.deployment.created",
        {
            "name": "one",
            "provider": provider.public_id,
            "model": "nobody-knows-it",
            "input_price": "2.5",
            "output_price": "0.000000001",
            "cached_input_price": "1.25",
            "context_tokens": 128_000,
            "max_output_tokens": 16_384,
            "capabilities": ["chat", "tools"],
            "limits": {"rpm": 60, "tpm": None, "parallel": 4},
            "timeouts": {
                "timeout_seconds": 30.0,
                "first_token_seconds": 120.0,
                "idle_seconds": 5.5,
            },
            "enabled": True,
        },
    )
    assert ChangeMark.objects.filter(scope=f"routes:{organization.public_id}").exists()


@pytest.mark.parametrize(
    ("given", "prices"),
    [
        ({}, ("2.5", "10", "1.25", 128_000)),
        ({"output_price": 1}, ("2.5", "1", "1.25", 128_000)),
        ({"input_price": 1, "context_tokens": 9}, ("1", "10", None, 9)),
        ({"input_price": 0, "output_price": 0}, ("0", "0", None, 128_000)),
    ],
)
def test_what_is_known_of_a_model_stands_in_for_what_is_not_told(
    organization: Organization, actor: Actor, given: dict[str, Any], prices: tuple[Any, ...]
) -> None:
    provider = make_provider(organization, kind="openai", base_url="https://api.openai.com/v1")

    deployments.create_deployment(
        actor=actor, name="one", provider=provider.public_id, model="gpt-4o", **given
    )

    values = deployments.values(Deployment.objects.get())
    names = ("input_price", "output_price", "cached_input_price", "context_tokens")
    assert tuple(values[name] for name in names) == prices


def test_what_runs_on_ones_own_server_costs_nothing(
    organization: Organization, actor: Actor
) -> None:
    provider = make_provider(organization, kind="vllm", base_url="https://vllm.example.com")

    made = deployments.create_deployment(
        actor=actor, name="one", provider=provider.public_id, model="gpt-4o"
    )

    assert (made.input_price, made.output_price, made.context_tokens) == (0, 0, None)


def test_a_provider_is_named_by_id_or_name(organization: Organization, actor: Actor) -> None:
    provider = make_provider(organization, name="main")

    one = create(actor, provider.public_id)
    two = create(actor, "main", name="two")

    assert (one.provider, two.provider) == (provider, provider)


def test_another_organizations_provider_is_not_there(actor: Actor, other: Organization) -> None:
    foreign = make_provider(other, name="theirs")

    for reference in (foreign.public_id, "theirs"):
        with pytest.raises(NotFound):
            create(actor, reference)


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"name": ""}, ["name"]),
        ({"name": "dep_" + "0" * 32}, ["name"]),
        ({"model": ""}, ["model"]),
        ({"model": "a" * 201}, ["model"]),
        ({"input_price": -1}, ["input_price"]),
        ({"input_price": 1_000_001}, ["input_price"]),
        ({"input_price": True}, ["input_price"]),
        ({"input_price": "cheap"}, ["input_price"]),
        ({"input_price": "NaN"}, ["input_price"]),
        ({"output_price": "0.0000000001"}, ["output_price"]),
        ({"cached_input_price": []}, ["cached_input_price"]),
        ({"context_tokens": 0}, ["context_tokens"]),
        ({"context_tokens": 2**31}, ["context_tokens"]),
        ({"max_output_tokens": "8"}, ["max_output_tokens"]),
        ({"capabilities": ["chat", "dance"]}, ["capabilities.1"]),
        ({"capabilities": [[]]}, ["capabilities.0"]),
        ({"limits": []}, ["limits"]),
        ({"limits": {"rpm": 0, "tpm": 1.5, "x": 1}}, ["limits.x"]),
        ({"limits": {"rpm": 0, "tpm": 1.5}}, ["limits.rpm", "limits.tpm"]),
        ({"timeouts": {"total": 0}}, ["timeouts.total"]),
        ({"timeouts": {"idle": "5"}}, ["timeouts.idle"]),
        ({"name": "", "limits": {"rpm": 0}}, ["name", "limits.rpm"]),
    ],
)
def test_create_deployment_refuses_what_will_not_do(
    organization: Organization, actor: Actor, values: dict[str, Any], fields: list[str]
) -> None:
    provider = make_provider(organization)

    with pytest.raises(Invalid) as caught:
        create(actor, provider.public_id, **values)

    assert [error.field for error in caught.value.fields] == fields
    assert Deployment.objects.count() == 0


def test_names_are_taken_once(
    organization: Organization, actor: Actor, other: Organization
) -> None:
    make_deployment(other, name="one")
    provider = make_provider(organization)
    create(actor, provider.public_id)

    with pytest.raises(NameTaken):
        create(actor, provider.public_id)


def test_there_may_be_so_many(
    organization: Organization, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployments, "MOST_DEPLOYMENTS", 1)
    make_deployment(organization)

    with pytest.raises(TooMany):
        create(actor, make_provider(organization).public_id)


def test_update_deployment_changes_what_is_named(organization: Organization, actor: Actor) -> None:
    deployment = make_deployment(organization, parallel=2, tokens_per_minute=1000)

    changed = deployments.update_deployment(
        actor=actor,
        deployment_id=deployment.public_id,
        expected_revision=1,
        limits={"rpm": 5},
        timeouts={"idle": 7},
        cached_input_price=None,
        is_enabled=False,
    )

    stored = Deployment.objects.get()
    assert (stored.requests_per_minute, stored.tokens_per_minute, stored.parallel) == (
        5,
        None,
        None,
    )
    assert (stored.idle_seconds, stored.timeout_seconds, stored.is_enabled) == (7.0, 600.0, False)
    assert (changed.revision, stored.revision, stored.model) == (2, 2, deployment.model)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.before["enabled"], entry.after["enabled"]) == (
        "providers.deployment.changed",
        True,
        False,
    )


def test_update_deployment_refuses_a_stale_revision(
    organization: Organization, actor: Actor
) -> None:
    deployment = make_deployment(organization, name="one")

    with pytest.raises(Stale):
        deployments.update_deployment(
            actor=actor, deployment_id=deployment.public_id, expected_revision=2, name="two"
        )
    assert Deployment.objects.get().name == "one"


def test_remove_deployment_waits_for_its_routes(organization: Organization, actor: Actor) -> None:
    deployment = make_deployment(organization)
    route = make_route(organization, targets=[deployment], name="chat")
    one: dict[str, Any] = {"actor": actor, "deployment_id": deployment.public_id}

    with pytest.raises(InUse) as caught:
        deployments.remove_deployment(**one)
    route.delete()
    with pytest.raises(Stale):
        deployments.remove_deployment(**one, expected_revision=7)
    deployments.remove_deployment(**one)

    assert caught.value.data == {"routes": ["chat"]}
    assert Deployment.objects.count() == 0
    assert AuditEntry.objects.latest("id").action == "providers.deployment.removed"


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER, Role.SERVICE])
def test_only_admins_change_deployments(organization: Organization, role: Role) -> None:
    deployment = make_deployment(organization)
    actor = make_actor(organization, role)
    one: dict[str, Any] = {"actor": actor, "deployment_id": deployment.public_id}

    for call in (
        lambda: create(actor, deployment.provider.public_id),
        lambda: deployments.update_deployment(**one, name="x"),
        lambda: deployments.remove_deployment(**one),
    ):
        with pytest.raises(PermissionDenied):
            call()


def test_another_organizations_deployment_is_not_there(actor: Actor, other: Organization) -> None:
    foreign = make_deployment(other, name="theirs")

    for reference in (foreign.public_id, "theirs", "nobody"):
        with pytest.raises(NotFound):
            deployments.update_deployment(actor=actor, deployment_id=reference, name="x")
        with pytest.raises(NotFound):
            deployments.remove_deployment(actor=actor, deployment_id=reference)
