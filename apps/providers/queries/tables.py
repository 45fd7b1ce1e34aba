"""Rows made into the route table: in a fixed number of queries, whatever the organization has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

from apps.core.tenancy import organization_scope
from apps.providers.domain.tables import (
    DeploymentView,
    Price,
    ProviderView,
    RouteTable,
    RouteView,
    TargetView,
)
from apps.providers.enums import ProviderKind, Sticky
from apps.providers.models import Deployment, Provider, Route, RouteTarget
from apps.providers.queries.prompts import views_of
from apps.tenants.queries import organizations

NANO = 10**9


def load_table(organization_id: int) -> RouteTable:
    """What the organization's calls may go to now. What is disabled, or stands at a disabled provider, is left out.

    A route keeps its place when every target of it is left out: its callers are told so, and not that it is unknown.
    """
    with organization_scope(organization_id):
        deployments = _deployments()
        targets = _targets(deployments)
        routes = {route.name: _route(route, targets[route.pk]) for route in _enabled_routes()}
        prompts = views_of({route.prompt for route in routes.values() if route.prompt})
    return RouteTable(
        organization=organizations.public_id_of(organization_id),
        routes=MappingProxyType(routes),
        deployments=MappingProxyType({view.name: view for view in deployments.values()}),
        prompts=MappingProxyType(prompts),
    )


def price_of(deployment: Deployment) -> Price:
    return Price(
        nano(deployment.input_price),
        nano(deployment.output_price),
        None if deployment.cached_input_price is None else nano(deployment.cached_input_price),
    )


def nano(dollars: Decimal) -> int:
    return int(Decimal(dollars) * NANO)


def provider_view(provider: Provider) -> ProviderView:
    return ProviderView(
        id=provider.public_id,
        name=provider.name,
        kind=ProviderKind(provider.kind),
        base_url=provider.base_url,
        credential=provider.credential,
        options=MappingProxyType(provider.options),
        revision=provider.revision,
    )


def deployment_view(deployment: Deployment, provider: ProviderView) -> DeploymentView:
    return DeploymentView(
        id=deployment.public_id,
        name=deployment.name,
        provider=provider,
        model=deployment.model,
        price=price_of(deployment),
        context_tokens=deployment.context_tokens,
        max_output_tokens=deployment.max_output_tokens,
        capabilities=frozenset(deployment.capabilities),
        requests_per_minute=deployment.requests_per_minute,
        tokens_per_minute=deployment.tokens_per_minute,
        parallel=deployment.parallel,
        timeout_seconds=deployment.timeout_seconds,
        first_token_seconds=deployment.first_token_seconds,
        idle_seconds=deployment.idle_seconds,
        revision=deployment.revision,
    )


def _deployments() -> dict[int, DeploymentView]:
    """By primary key. Providers come once each: a join would decrypt the same credential for every deployment."""
    providers = {
        provider.pk: provider_view(provider)
        for provider in Provider.objects.filter(is_enabled=True)
    }
    rows = Deployment.objects.filter(is_enabled=True, provider__is_enabled=True).order_by("name")
    return {
        row.pk: deployment_view(row, providers[row.provider_id])
        for row in rows
        if row.provider_id in providers
    }


def _targets(deployments: Mapping[int, DeploymentView]) -> defaultdict[int, list[TargetView]]:
    """By their route's primary key, each in the order of positions."""
    found: defaultdict[int, list[TargetView]] = defaultdict(list)
    for row in RouteTarget.objects.filter(route__is_enabled=True).order_by("position", "pk"):
        if row.deployment_id in deployments:
            found[row.route_id].append(
                TargetView(deployments[row.deployment_id], row.weight, row.priority)
            )
    return found


def _enabled_routes() -> Iterable[Route]:
    return Route.objects.filter(is_enabled=True).order_by("name")


def _route(route: Route, targets: Iterable[TargetView]) -> RouteView:
    return RouteView(
        id=route.public_id,
        name=route.name,
        targets=tuple(targets),
        fallbacks=tuple(route.fallbacks),
        sticky=Sticky(route.sticky),
        retries=route.retries,
        cache_seconds=route.cache_seconds,
        captures=route.captures,
        continues=route.continues,
        guardrails=tuple(MappingProxyType(dict(guardrail)) for guardrail in route.guardrails),
        prompt=route.prompt,
        managed_by=route.managed_by,
        revision=route.revision,
        created=int(route.created_at.timestamp()),
    )
