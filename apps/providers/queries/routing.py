"""Reading providers, deployments and routes. What an actor may see asks for the permission; `…_at` and `…_by` are for
services, which have asked already.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import (
    Count,
    Exists,
    Model,
    OuterRef,
    Prefetch,
    QuerySet,
    TextField,
    prefetch_related_objects,
)
from django.db.models.functions import Cast, Length

from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.permissions import require
from apps.core.text import is_misleading
from apps.providers.domain.terms import is_id
from apps.providers.enums import ProviderKind
from apps.providers.models import Deployment, Provider, Route, RouteTarget, RouteVersion
from apps.providers.permissions import ProvidersPermission

M = TypeVar("M", bound=Model)


def providers(*, actor: Actor) -> QuerySet[Provider]:
    """By name, each with the count of its deployments; credentials stay where they are."""
    require(actor, ProvidersPermission.VIEW)
    return _providers()


def provider(*, actor: Actor, provider_id: str) -> Provider:
    return _one(providers(actor=actor), provider_id)


def deployments(
    *, actor: Actor, provider: str | None = None, model: str | None = None
) -> QuerySet[Deployment]:
    """By name: of one provider (its id or name) or all, of one model or all."""
    require(actor, ProvidersPermission.VIEW)
    found = Deployment.objects.select_related("provider").defer("provider__credential")
    if provider is not None:
        found = found.filter(provider=provider_by(provider))
    if model is not None:
        found = found.none() if is_misleading(model) else found.filter(model=model)
    return found.order_by("name")


def deployment(*, actor: Actor, deployment_id: str) -> Deployment:
    return _one(deployments(actor=actor), deployment_id)


def routes(*, actor: Actor) -> QuerySet[Route]:
    """By name, each with its targets and their deployments."""
    require(actor, ProvidersPermission.VIEW)
    return Route.objects.prefetch_related(targets()).order_by("name")


def names_to_call(*, actor: Actor) -> list[str]:
    """Of routes that answer, by name; those that only make their answers up come last."""
    real = RouteTarget.objects.filter(route=OuterRef("pk")).exclude(
        deployment__provider__kind=ProviderKind.SIMULATED
    )
    enabled = routes(actor=actor).prefetch_related(None).filter(is_enabled=True)
    ordered = enabled.annotate(is_real=Exists(real)).order_by("-is_real", "name")
    return list(ordered.values_list("name", flat=True))


def whole_provider(provider: Provider) -> Provider:
    """The same as a list has it."""
    return _providers().get(pk=provider.pk)


def with_targets(route: Route) -> Route:
    """The same, its targets loaded as a list has them."""
    prefetch_related_objects([route], targets())
    return route


def targets() -> Prefetch[Any]:
    rows = (
        RouteTarget.objects.select_related("deployment__provider")
        .defer("deployment__provider__credential")
        .order_by("position", "pk")
    )
    return Prefetch("targets", queryset=rows)


def route(*, actor: Actor, name: str) -> Route:
    """By name, or by id."""
    return _one(routes(actor=actor), name)


def route_versions(*, actor: Actor, name: str) -> QuerySet[RouteVersion]:
    """Newest first."""
    require(actor, ProvidersPermission.VIEW)
    return RouteVersion.objects.filter(route=route_at(name)).order_by("-revision")


def provider_at(provider_id: str) -> Provider:
    return _one(Provider.objects.all(), provider_id)


def provider_by(reference: str, *, field: str = "provider") -> Provider:
    """By id or name, as bodies refer to it."""
    return _referred(Provider.objects.all(), reference, field)


def deployment_at(deployment_id: str) -> Deployment:
    return _one(Deployment.objects.all(), deployment_id)


def deployment_by(reference: str, *, field: str = "deployment") -> Deployment:
    return _referred(Deployment.objects.all(), reference, field)


def route_at(name: str) -> Route:
    return _one(Route.objects.all(), name)


def _providers() -> QuerySet[Provider]:
    """Whether there is a credential is told by its length: nobody who lists them needs it opened."""
    return (
        Provider.objects.defer("credential")
        .annotate(
            credential_length=Length(Cast("credential", TextField())),
            deployment_count=Count("deployments"),
        )
        .order_by("name")
    )


def _one(rows: QuerySet[M], reference: str) -> M:
    if is_misleading(reference):
        raise NotFound  # no name holds such characters, and one of them no database takes
    column = "public_id" if is_id(reference) else "name"
    found = rows.filter(**{column: reference}).first()
    if found is None:
        raise NotFound
    return found


def _referred(rows: QuerySet[M], reference: str, field: str) -> M:
    """A reference in a body. Another organization's is as absent as one that never was."""
    try:
        return _one(rows, reference)
    except NotFound:
        what = rows.model._meta.verbose_name  # noqa: SLF001 - Django's public name for it
        raise NotFound(f"{field}: there is no {what} by that id or name.", field=field) from None
