"""Routes: made, changed, brought back, removed. Every change is kept whole as a version, its number the revision.

All of an organization's routes are locked for any change of one, in one order: whether fallbacks run in a circle is
a question about all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound, Stale, WrongFields
from apps.core.permissions import require
from apps.core.text import is_misleading
from apps.providers import topics
from apps.providers.domain import routes as rules
from apps.providers.domain.terms import check_route_name
from apps.providers.errors import InUse, Managed
from apps.providers.models import Deployment, Route, RouteTarget, RouteVersion
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import prompts, routing
from apps.providers.services.announcing import deed, hold, refuse_more, tell

MOST_ROUTES = 500
LONGEST_DESCRIPTION = 500
DEFAULTS: Mapping[str, Any] = {
    "description": "",
    "fallbacks": [],
    "sticky": False,
    "retries": 2,
    "cache_seconds": 0,
    "captures": False,
    "continues": False,
    "guardrails": [],
    "prompt": "",
    "is_enabled": True,
}
"""What a route has unless told otherwise; a replacement begins from these again."""
_Shares = list[tuple[Deployment, rules.Share]]


def create_route(*, actor: Actor, name: str, targets: Any, **new: Any) -> Route:
    """Raises `PermissionDenied`, `NotFound` (a deployment), `Invalid`, `NameTaken`, `TooMany`."""
    require(actor, ProvidersPermission.MANAGE)
    with deed():
        known = _lock_all()
        refuse_more(len(known), MOST_ROUTES, "routes")
        route = Route(organization_id=actor.organization_id, name=check_route_name(name))
        shares = _apply(route, {**DEFAULTS, **new, "targets": targets}, known)
        route.save()
        _write_targets(route, shares)
        _keep_version(route, actor)
        tell(actor=actor, topic=topics.ROUTE_CREATED, row=route, after=definition(route))
    return routing.with_targets(route)


def update_route(
    *, actor: Actor, name: str, expected_revision: int | None = None, **new: Any
) -> Route:
    """Change what is named; `targets` are replaced as a whole.

    Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`, and `Managed` for targets that a rollout moves.
    """
    require(actor, ProvidersPermission.MANAGE)
    with deed():
        known = _lock_all()
        route = _among(known, name)
        if expected_revision not in (None, route.revision):
            raise Stale
        _change(actor, route, new, known)
    return routing.with_targets(route)


def replace_route(
    *, actor: Actor, name: str, expected_revision: int | None = None, targets: Any, **new: Any
) -> Route:
    """The same, and what is not named becomes what it is by default."""
    return update_route(
        actor=actor,
        name=name,
        expected_revision=expected_revision,
        **{**DEFAULTS, **new, "targets": targets},
    )


def restore_route(
    *, actor: Actor, name: str, revision: int, expected_revision: int | None = None
) -> Route:
    """Make it again as it stood at a revision, as a new one.

    Raises `NotFound` (also a deployment that is no more), `Invalid` (what it falls back on is no more), `Managed`.
    """
    require(actor, ProvidersPermission.MANAGE)
    version = RouteVersion.objects.filter(route=routing.route_at(name), revision=revision).first()
    if version is None:
        raise NotFound
    new = dict(version.definition)
    return update_route(
        actor=actor,
        name=name,
        expected_revision=expected_revision,
        **{key: new[key] for key in DEFAULTS if key in new},
        targets=[
            {key: target[key] for key in ("deployment", "weight", "priority")}
            for target in new["targets"]
        ],
    )


def remove_route(*, actor: Actor, name: str, expected_revision: int | None = None) -> None:
    """Raises `NotFound`, `PermissionDenied`, `Stale`, `Managed`, and `InUse` while another falls back on it."""
    require(actor, ProvidersPermission.MANAGE)
    with deed():
        known = _lock_all()
        route = _among(known, name)
        if expected_revision not in (None, route.revision):
            raise Stale
        if route.managed_by:
            raise Managed(f"{route.managed_by} moves its targets.", managed_by=route.managed_by)
        uses = [other.name for other in known.values() if route.name in other.fallbacks]
        if uses:
            raise InUse(f"It is a fallback of: {', '.join(uses)}.", routes=uses)
        before = definition(route)
        route.delete()
        tell(actor=actor, topic=topics.ROUTE_REMOVED, row=route, before=before)


def definition(route: Route) -> dict[str, Any]:
    """The route whole, as versions keep it and the trail shows it."""
    return {
        "name": route.name,
        "description": route.description,
        "targets": [
            {
                "deployment": target.deployment.public_id,
                "name": target.deployment.name,
                "weight": target.weight,
                "priority": target.priority,
            }
            for target in _targets(route)
        ],
        "fallbacks": list(route.fallbacks),
        "sticky": str(route.sticky),
        "retries": route.retries,
        "cache_seconds": route.cache_seconds,
        "captures": route.captures,
        "continues": route.continues,
        "guardrails": list(route.guardrails),
        "prompt": route.prompt,
        "is_enabled": route.is_enabled,
    }


def _change(actor: Actor, route: Route, new: dict[str, Any], known: Mapping[str, Route]) -> None:
    before = definition(route)
    shares = _apply(route, new, known)
    if shares is not None and _are_others(route, shares):
        if route.managed_by:
            raise Managed(f"{route.managed_by} moves its targets.", managed_by=route.managed_by)
        _write_targets(route, shares)
    route.revision += 1
    route.save()
    _keep_version(route, actor)
    after = definition(route)
    tell(actor=actor, topic=topics.ROUTE_CHANGED, row=route, before=before, after=after)


def _apply(route: Route, new: dict[str, Any], known: Mapping[str, Route]) -> _Shares | None:
    """Set the columns; answer the targets when they are among what is new. Everything wrong is said at once."""
    wrong = WrongFields()
    shares = None
    for field, value in new.items():
        with wrong.gathered():
            if field == "targets":
                shares = _found(rules.check_targets(value))
            else:
                setattr(route, field, _checked(route, field, value, known))
    wrong.refuse()
    return shares


def _checked(route: Route, field: str, value: Any, known: Mapping[str, Route]) -> Any:
    match field:
        case "description":
            return _description(value)
        case "fallbacks":
            others = {name: other.fallbacks for name, other in known.items()}
            return rules.check_fallbacks(route.name, value, others)
        case "sticky":
            return rules.check_sticky(value)
        case "retries":
            return rules.check_number(value, field, rules.MOST_RETRIES)
        case "cache_seconds":
            return rules.check_number(value, field, rules.MOST_CACHE_SECONDS)
        case "guardrails":
            return rules.check_guardrails(value)
        case "prompt":
            return prompts.check_reference(value) if value else ""
        case "captures" | "continues" | "is_enabled":
            return bool(value)
    raise TypeError(f"a route has no {field}")


def _description(text: str) -> str:
    if len(text) > LONGEST_DESCRIPTION or is_misleading(text):
        message = f"must be a line of at most {LONGEST_DESCRIPTION} characters"
        raise Invalid.field("description", message, "length")
    return text


def _found(shares: list[rules.Share]) -> _Shares:
    """With their deployments, each of which may stand there once."""
    found: _Shares = []
    for index, share in enumerate(shares):
        place = f"targets.{index}.deployment"
        deployment = hold(routing.deployment_by(share.deployment, field=place))
        if any(deployment.pk == other.pk for other, _ in found):
            raise Invalid.field(place, "stands there twice", "duplicate")
        found.append((deployment, share))
    return found


def _are_others(route: Route, shares: _Shares) -> bool:
    present = [(row.deployment_id, row.weight, row.priority) for row in _targets(route)]
    return present != [(found.pk, share.weight, share.priority) for found, share in shares]


def _targets(route: Route) -> list[RouteTarget]:
    return list(
        RouteTarget.objects.filter(route=route)
        .select_related("deployment")
        .order_by("position", "pk")
    )


def _write_targets(route: Route, shares: _Shares | None) -> None:
    RouteTarget.objects.filter(route=route).delete()
    RouteTarget.objects.bulk_create(
        RouteTarget(
            organization_id=route.organization_id,
            route=route,
            deployment=deployment,
            weight=share.weight,
            priority=share.priority,
            position=position,
        )
        for position, (deployment, share) in enumerate(shares or ())
    )


def _keep_version(route: Route, actor: Actor) -> None:
    RouteVersion.objects.create(
        organization_id=route.organization_id,
        route=route,
        revision=route.revision,
        definition=definition(route),
        changed_by_id=actor.user_id,
    )


def _lock_all() -> dict[str, Route]:
    rows = Route.objects.select_for_update().order_by("pk")
    return {route.name: route for route in rows}


def _among(known: Mapping[str, Route], name: str) -> Route:
    for route in known.values():
        if name in (route.name, route.public_id):
            return route
    raise NotFound
