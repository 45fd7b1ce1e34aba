"""Deployments: one model at one provider, made with a price, changed, removed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.core.actor import Actor
from apps.core.errors import Stale, WrongFields
from apps.core.permissions import require
from apps.core.text import clean_line
from apps.providers import topics
from apps.providers.domain import terms
from apps.providers.domain.prices import find_known
from apps.providers.enums import ProviderKind
from apps.providers.errors import InUse
from apps.providers.models import Deployment, Provider, RouteTarget
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import routing
from apps.providers.services.announcing import deed, hold, refuse_more, tell

MOST_DEPLOYMENTS = 1000
PRICES = ("input_price", "output_price")
COUNTS = ("context_tokens", "max_output_tokens")


def create_deployment(
    *, actor: Actor, name: str, provider: str, model: str, **terms_given: Any
) -> Deployment:
    """`provider` is an id or a name. What is not told of price and size comes from what is known of the model.

    Raises `PermissionDenied`, `NotFound` (the provider), `Invalid`, `NameTaken`, `TooMany`.
    """
    require(actor, ProvidersPermission.MANAGE)
    with deed():
        at = hold(routing.provider_by(provider))
        return add_deployment(actor, at, name=name, model=model, **terms_given)


def add_deployment(
    actor: Actor, provider: Provider, *, name: str, model: str, **terms_given: Any
) -> Deployment:
    """Within the deed of whoever calls, who has asked for the permission."""
    refuse_more(Deployment.objects.count(), MOST_DEPLOYMENTS, "deployments")
    deployment = Deployment(organization_id=actor.organization_id, provider=provider)
    known = _known(provider, model, terms_given)
    _apply(deployment, {**known, "name": name, "model": model, **terms_given})
    deployment.save()
    tell(actor=actor, topic=topics.DEPLOYMENT_CREATED, row=deployment, after=values(deployment))
    return deployment


def update_deployment(
    *, actor: Actor, deployment_id: str, expected_revision: int | None = None, **new: Any
) -> Deployment:
    """Change what is named. It stays at its provider: another provider's is another deployment.

    Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`, `NameTaken`.
    """
    require(actor, ProvidersPermission.MANAGE)
    with deed():
        deployment = hold(routing.deployment_at(deployment_id))
        if expected_revision not in (None, deployment.revision):
            raise Stale
        before = values(deployment)
        _apply(deployment, new)
        deployment.revision += 1
        deployment.save()
        tell(
            actor=actor,
            topic=topics.DEPLOYMENT_CHANGED,
            row=deployment,
            before=before,
            after=values(deployment),
        )
    return deployment


def remove_deployment(
    *, actor: Actor, deployment_id: str, expected_revision: int | None = None
) -> None:
    """Raises `NotFound`, `PermissionDenied`, `Stale`, and `InUse` while a route has it as a target."""
    require(actor, ProvidersPermission.MANAGE)
    with deed():
        deployment = hold(routing.deployment_at(deployment_id), to_remove=True)
        if expected_revision not in (None, deployment.revision):
            raise Stale
        uses = RouteTarget.objects.filter(deployment=deployment).order_by("route__name")
        names = list(uses.values_list("route__name", flat=True)[:10])
        if names:
            raise InUse(f"It is a target of: {', '.join(names)}.", routes=names)
        deployment.delete()
        tell(
            actor=actor,
            topic=topics.DEPLOYMENT_REMOVED,
            row=deployment,
            before=values(deployment),
        )


def values(deployment: Deployment) -> dict[str, Any]:
    """What the trail keeps of it."""
    return {
        "name": deployment.name,
        "provider": deployment.provider.public_id,
        "model": deployment.model,
        "input_price": _text(deployment.input_price),
        "output_price": _text(deployment.output_price),
        "cached_input_price": _text(deployment.cached_input_price),
        "context_tokens": deployment.context_tokens,
        "max_output_tokens": deployment.max_output_tokens,
        "capabilities": list(deployment.capabilities),
        "limits": {word: getattr(deployment, column) for word, column in terms.LIMITS.items()},
        # By column: the trail masks whatever is called a token.
        "timeouts": {column: getattr(deployment, column) for column, *_ in terms.TIMEOUTS.values()},
        "enabled": deployment.is_enabled,
    }


def _known(provider: Provider, model: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of the model. A known price for cached input goes with the known price of input alone."""
    found = find_known(ProviderKind(provider.kind), model, provider.base_url)
    if found is None:
        return {}
    price = found.price
    known = {
        "input_price": _dollars(price.input),
        "output_price": _dollars(price.output),
        "context_tokens": found.context_tokens,
    }
    if "input_price" not in given and price.cached_input is not None:
        known["cached_input_price"] = _dollars(price.cached_input)
    return known


def _dollars(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-terms.DECIMALS)


def _apply(deployment: Deployment, new: dict[str, Any]) -> None:
    """Everything that is wrong is said at once."""
    wrong = WrongFields()
    for field, value in new.items():
        with wrong.gathered():
            for column, checked in _columns(field, value).items():
                setattr(deployment, column, checked)
    wrong.refuse()


def _columns(field: str, value: Any) -> dict[str, Any]:
    """The columns that one field of a body fills. Raises `Invalid`."""
    match field:
        case "name":
            return {"name": terms.check_name(value)}
        case "model":
            return {"model": clean_line(value, field="model", longest=terms.LONGEST_MODEL)}
        case "limits":
            return dict(terms.check_limits(value))
        case "timeouts":
            return dict(terms.check_timeouts(value))
        case "capabilities":
            return {"capabilities": terms.check_capabilities(value)}
        case "cached_input_price":
            return {field: None if value is None else terms.check_price(value, field)}
        case "is_enabled":
            return {"is_enabled": bool(value)}
    if field in COUNTS:
        return {field: terms.check_count(value, field)}
    if field in PRICES:
        return {field: terms.check_price(value, field)}
    raise TypeError(f"a deployment has no {field}")


def _text(price: Decimal | None) -> str | None:
    """Plain, and the same before and after it lay in a column."""
    return None if price is None else f"{Decimal(price).normalize():f}"
