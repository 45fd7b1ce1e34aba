"""Providers, deployments, routes and prompts for tests, straight into the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import count
from typing import Any

from apps.core.tenancy import organization_scope
from apps.providers.enums import ProviderKind
from apps.providers.models import (
    Deployment,
    Prompt,
    PromptLabel,
    PromptVersion,
    Provider,
    Route,
    RouteTarget,
    RouteVersion,
)
from apps.providers.services import routes
from apps.tenants.models import Organization

Target = Deployment | tuple[Deployment, float] | Mapping[str, Any]
_numbers = count(1)


def make_provider(organization: Organization, **values: Any) -> Provider:
    """A simulated one unless another kind is named."""
    number = next(_numbers)
    given = {"name": f"provider-{number}", "kind": ProviderKind.SIMULATED, **values}
    with organization_scope(organization.pk):
        return Provider.objects.create(organization=organization, **given)


def make_deployment(
    organization: Organization, *, provider: Provider | None = None, **values: Any
) -> Deployment:
    number = next(_numbers)
    given = {"name": f"deployment-{number}", "model": f"model-{number}", **values}
    at = provider or make_provider(organization)
    with organization_scope(organization.pk):
        return Deployment.objects.create(organization=organization, provider=at, **given)


def make_priced_deployment(
    organization: Organization, *, dollars_in: str = "1", dollars_out: str = "2", **values: Any
) -> Deployment:
    """Prices are dollars for a million tokens."""
    prices = {"input_price": Decimal(dollars_in), "output_price": Decimal(dollars_out)}
    return make_deployment(organization, **{**prices, **values})


def make_route(
    organization: Organization, *, targets: Iterable[Target] | None = None, **values: Any
) -> Route:
    """Targets are deployments, pairs with a weight, or columns of `RouteTarget`; one of its own by default."""
    number = next(_numbers)
    chosen = [make_deployment(organization)] if targets is None else list(targets)
    with organization_scope(organization.pk):
        route = Route.objects.create(
            organization=organization, **{"name": f"route-{number}", **values}
        )
        for position, target in enumerate(chosen):
            RouteTarget.objects.create(
                organization=organization,
                route=route,
                **{"position": position, **_columns(target)},
            )
    return route


def make_route_version(route: Route, revision: int = 1) -> RouteVersion:
    """The route as it stands, kept as that version."""
    with organization_scope(route.organization_id):
        return RouteVersion.objects.create(
            organization_id=route.organization_id,
            route=route,
            revision=revision,
            definition=routes.definition(route),
        )


def make_prompt(
    organization: Organization,
    *texts: str,
    labels: Mapping[str, int] | None = None,
    **values: Any,
) -> Prompt:
    """A version for each text, a system message; labels name a version by its number."""
    number = next(_numbers)
    with organization_scope(organization.pk):
        prompt = Prompt.objects.create(
            organization=organization, **{"name": f"prompt-{number}", **values}
        )
        versions = {
            index: PromptVersion.objects.create(
                organization=organization,
                prompt=prompt,
                number=index,
                messages=[{"role": "system", "content": text}],
            )
            for index, text in enumerate(texts or ("You are {{who}}.",), start=1)
        }
        for label, index in (labels or {}).items():
            PromptLabel.objects.create(
                organization=organization, prompt=prompt, name=label, version=versions[index]
            )
    return prompt


def _columns(target: Target) -> dict[str, Any]:
    if isinstance(target, Deployment):
        return {"deployment": target}
    if isinstance(target, tuple):
        return {"deployment": target[0], "weight": target[1]}
    return dict(target)
