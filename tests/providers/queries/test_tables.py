"""Rows become the route table that calls see."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.providers.domain.tables import Price
from apps.providers.enums import ProviderKind, Sticky
from apps.providers.queries.tables import load_table
from tests.factories.providers import make_deployment, make_provider, make_route
from tests.factories.tenants import make_organization

pytestmark = pytest.mark.django_db


def test_load_table_of_nothing_is_empty() -> None:
    organization = make_organization()

    table = load_table(organization.pk)

    assert (table.organization, dict(table.routes), dict(table.deployments)) == (
        organization.public_id,
        {},
        {},
    )


def test_load_table_holds_everything_of_a_route() -> None:
    organization = make_organization()
    provider = make_provider(
        organization,
        kind=ProviderKind.AZURE_OPENAI,
        base_url="https://one.example.com",
        credential="a secret",
        options={"api_version": "2024-10-21"},
        revision=3,
    )
    first = make_deployment(
        organization,
        provider=provider,
        input_price=Decimal("2.5"),
        output_price=Decimal("0.000000001"),
        cached_input_price=Decimal("1.25"),
        capabilities=["chat", "tools"],
        context_tokens=1000,
        parallel=2,
        requests_per_minute=60,
    )
    second = make_deployment(organization)
    route = make_route(
        organization,
        targets=[
            {"deployment": second, "position": 1, "weight": 1.0, "priority": 1},
            {"deployment": first, "position": 0, "weight": 3.0},
        ],
        fallbacks=["other"],
        sticky=Sticky.SESSION,
        retries=1,
        cache_seconds=60,
        guardrails=[{"name": "deny_list", "words": ["x"]}],
        prompt="greeting@production",
        managed_by="wf_1",
        revision=4,
    )

    view = load_table(organization.pk).routes[route.name]

    assert [(t.deployment.name, t.weight, t.priority) for t in view.targets] == [
        (first.name, 3.0, 0),
        (second.name, 1.0, 1),
    ]
    deployment = view.targets[0].deployment
    assert deployment.price == Price(2_500_000_000, 1, 1_250_000_000)
    assert deployment.capabilities == {"chat", "tools"}
    assert (deployment.context_tokens, deployment.parallel) == (1000, 2)
    assert (deployment.requests_per_minute, deployment.tokens_per_minute) == (60, None)
    assert deployment.provider.credential == "a secret"
    assert "a secret" not in repr(view)
    assert dict(deployment.provider.options) == {"api_version": "2024-10-21"}
    assert deployment.provider.kind is ProviderKind.AZURE_OPENAI
    assert deployment.provider.revision == 3
    assert (view.fallbacks, view.sticky, view.retries) == (("other",), Sticky.SESSION, 1)
    assert (view.cache_seconds, view.prompt, view.managed_by) == (
        60,
        "greeting@production",
        "wf_1",
    )
    assert [dict(guardrail) for guardrail in view.guardrails] == [
        {"name": "deny_list", "words": ["x"]}
    ]
    assert view.revision == 4


def test_load_table_leaves_out_what_is_disabled() -> None:
    organization = make_organization()
    away = make_provider(organization, is_enabled=False)
    stopped = make_deployment(organization, is_enabled=False)
    unreachable = make_deployment(organization, provider=away)
    well = make_deployment(organization)
    mixed = make_route(organization, targets=[stopped, unreachable, well])
    bare = make_route(organization, targets=[stopped])
    make_route(organization, targets=[well], is_enabled=False)

    table = load_table(organization.pk)

    assert set(table.deployments) == {well.name}
    assert {name: len(route.targets) for name, route in table.routes.items()} == {
        mixed.name: 1,
        bare.name: 0,
    }


def test_load_table_holds_nothing_of_another_organization() -> None:
    ours, theirs = make_organization(), make_organization()
    make_route(theirs)

    table = load_table(ours.pk)

    assert (len(table.routes), len(table.deployments)) == (0, 0)


def test_load_table_costs_the_same_however_much_there_is() -> None:
    organization = make_organization()
    make_route(organization)
    with CaptureQueriesContext(connection) as few:
        load_table(organization.pk)
    for _ in range(3):
        make_route(organization, targets=[make_deployment(organization) for _ in range(2)])

    with CaptureQueriesContext(connection) as many:
        table = load_table(organization.pk)

    assert len(table.routes) == 4
    assert len(many) == len(few) == 5
