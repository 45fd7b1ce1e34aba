"""From a model's name to the plan of its attempts: the route, who may serve the call, whom it sticks to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from apps.core import json
from apps.providers.domain.calls import Call
from apps.providers.domain.choice import Plan
from apps.providers.domain.prompts import PromptView
from apps.providers.domain.tables import DeploymentView, RouteTable, RouteView, TargetView
from apps.providers.enums import Operation, Sticky
from apps.providers.errors import NoDeployment, NotOffered, UnknownModel
from apps.providers.gateway import table as tables
from apps.providers.gateway.health import health
from apps.providers.gateway.shaping import VARIABLES, shape_request
from apps.providers.gateway.trace import Trace
from apps.providers.gateway.translation import does, way_at
from apps.providers.gateway.upstreams import adapter_of

SERVED_AS = {Operation.COMPLETION: frozenset({Operation.COMPLETION, Operation.CHAT})}
"""A completion may be had from a model that only chats."""


async def plan_for(trace: Trace) -> tuple[Plan, list[DeploymentView]]:
    """The plan, and every deployment that the call could end up at."""
    identity, call = trace.actor.identity, trace.call
    table = await tables.known.find(identity)
    trace.route = route = _route_for(table, trace)
    if route.is_shaped or VARIABLES in call.body:
        shape_request(trace, _prompt_of(table, route))
    able = _Able(call)
    plan = Plan(
        table,
        route,
        subject=subject_of(route, trace),
        is_well=health.is_well,
        may_serve=able,
    )
    candidates = plan.candidates()
    if route.fallbacks:
        candidates = _with_fallbacks(table, route, candidates, able)
    if not candidates:
        if able.refused:
            raise NotOffered(f"The model {call.model!r} does not offer {call.operation}.")
        raise NoDeployment
    return plan, candidates


def _prompt_of(table: RouteTable, route: RouteView) -> PromptView | None:
    if not route.prompt:
        return None
    prompt = table.prompts.get(route.prompt)
    if prompt is None:
        raise NoDeployment("The prompt of this route is gone.")
    return prompt


def subject_of(route: RouteView, trace: Trace) -> str | None:
    """Whom the route keeps on one deployment; None for routes that keep nobody."""
    match route.sticky:
        case Sticky.NONE:
            return None
        case Sticky.KEY:
            return trace.actor.credential.id
        case Sticky.SESSION:
            return trace.call.session or trace.call.end_user or trace.actor.credential.id


def _route_for(table: RouteTable, trace: Trace) -> RouteView:
    identity, call = trace.actor.identity, trace.call
    if not call.provider:
        return tables.route_of(table, identity, call.model)
    if not tables.may_use(identity, call.model):
        raise UnknownModel(call.model)
    route = table.routes.get(call.model)
    if route is not None:
        targets = tuple(one for one in route.targets if _is_at(one.deployment, call.provider))
        if targets:
            # Its guardrails and all else stand: naming the provider is no way around them.
            return replace(route, targets=targets, fallbacks=())
    found = [
        one
        for one in table.deployments.values()
        if call.model in (one.model, one.name) and _is_at(one, call.provider)
    ]
    if not found:
        raise UnknownModel(call.model)
    guardrails = _guardrails_over(table, found)
    # Made anew for each call; by its name, what it guards with is made once.
    name = json.dumps(list(map(dict, guardrails))).decode() if guardrails else ""
    targets = tuple(map(TargetView, found))
    return RouteView(id=name, name=call.model, targets=targets, guardrails=guardrails)


def _guardrails_over(
    table: RouteTable, deployments: Sequence[DeploymentView]
) -> tuple[Mapping[str, Any], ...]:
    """Those of every route that the deployments stand in, each once: to ask without a route is no way around them."""
    names = {deployment.name for deployment in deployments}
    guarded = [
        route
        for route in table.routes.values()
        if route.guardrails and any(one.deployment.name in names for one in route.targets)
    ]
    found: list[Mapping[str, Any]] = []
    for guardrail in (each for route in guarded for each in route.guardrails):
        if guardrail not in found:
            found.append(guardrail)
    return tuple(found)


def _is_at(deployment: DeploymentView, provider: str) -> bool:
    return provider in (deployment.provider.name, deployment.provider.kind.value)


def _with_fallbacks(
    table: RouteTable, route: RouteView, candidates: list[DeploymentView], able: _Able
) -> list[DeploymentView]:
    seen, waiting, found = {route.name}, list(route.fallbacks), list(candidates)
    while waiting:
        name = waiting.pop(0)
        fallback = table.routes.get(name)
        if fallback is None or name in seen:
            continue
        seen.add(name)
        waiting += fallback.fallbacks
        found += [
            one.deployment for one in fallback.targets if one.weight > 0 and able(one.deployment)
        ]
    return found


class _Able:
    """Whether a deployment does what a call asks for; `refused` once one did not."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._operations = SERVED_AS.get(call.operation, frozenset({call.operation}))
        self.refused = False

    def __call__(self, deployment: DeploymentView) -> bool:
        adapter = adapter_of(deployment.provider.kind)
        if self._call.continues_text and way_at(self._call, deployment) is None:
            self.refused = True
            return False
        if any(does(adapter, deployment, operation) for operation in self._operations):
            return True
        self.refused = True
        return False
