"""From a brief to the call that answers it: what goes up, in OpenAI's words, and what of it was left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from apps.conversations.domain import context
from apps.conversations.domain.context import Turn, Window
from apps.conversations.queries.briefs import Brief
from apps.core.actor import Actor
from apps.providers.domain import forms
from apps.providers.domain.calls import Call
from apps.providers.domain.continuation import Way, go_on, way_of
from apps.providers.domain.tables import DeploymentView, RouteTable
from apps.providers.enums import Operation
from apps.providers.gateway import table

GO_ON = "Your last message broke off. Go on exactly where it ends, without repeating any of it."


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of a route before anybody is asked. None: nobody said."""

    context_tokens: int | None = None
    most_answer: int | None = None
    sees_pictures: bool = True
    way: Way | None = None
    """How all of its deployments go on with a text; None where some begin anew whatever they are told."""


async def reach_of(actor: Actor, model: str) -> Reach:
    return reach_in(await table.known.find(actor.identity), model)


def known_reach_of(actor: Actor, model: str) -> Reach:
    """The same as far as this process knows it already."""
    known = table.known.recall(actor.identity.organization)
    return Reach() if known is None else reach_in(known, model)


def reach_in(known: RouteTable, model: str) -> Reach:
    """The least of what its deployments hold, since the call may end up at any."""
    route = known.routes.get(model)
    if route is None:
        return Reach()
    able = [one.deployment for one in route.targets if one.weight > 0]
    return Reach(
        context_tokens=_least(one.context_tokens for one in able),
        most_answer=_least(one.max_output_tokens for one in able),
        sees_pictures=any(map(_sees, able)),
        way=_common({way_of(one.provider.kind, Operation.CHAT) for one in able}),
    )


def budget_of(reach: Reach, asked: int | None, parameters: dict[str, Any]) -> int | None:
    answer = parameters.get("max_tokens") or parameters.get("max_completion_tokens")
    return context.budget_of(
        context_tokens=reach.context_tokens,
        asked=asked,
        answer=answer if isinstance(answer, int) else None,
        most_answer=reach.most_answer,
    )


def window_of(brief: Brief, budget: int | None) -> tuple[Window, str]:
    """What is kept, and the system message that goes with it."""
    system = brief.terms.system_prompt
    if brief.summary:
        system = context.with_summary(system, brief.summary)
    turns = list(brief.turns)
    if brief.so_far:
        turns.append(Turn(0, "assistant", brief.so_far))
    return context.fit(turns, system=system, budget=budget), system


def call_of(
    *, model: str, conversation: str, brief: Brief, window: Window, system: str, way: Way | None
) -> Call:
    """Raises `Invalid` for parameters that no model takes."""
    body = {
        **brief.terms.parameters,
        "model": model,
        "messages": context.messages_of(window.kept, system=system),
        "stream": True,
    }
    if brief.so_far:
        body = _going_on(body, way)
    call = forms.read_body(body, forms.CHAT, session=conversation)
    # Whoever asks for another answer does not want the one that is kept.
    return replace(call, cache_control="no-cache") if brief.is_another else call


def _going_on(body: dict[str, Any], way: Way | None) -> dict[str, Any]:
    """The last message is what was said; whoever cannot go on from that is asked to."""
    *before, last = body["messages"]
    if way is None:
        return {**body, "messages": [*before, last, {"role": "user", "content": GO_ON}]}
    return go_on({**body, "messages": before}, last["content"], way)


def told_of(brief: Brief, window: Window, *, is_summarized: bool) -> dict[str, Any]:
    """What the message keeps of its context. `left_out` counts messages that do not go up word by word."""
    said = len(window.kept) - (1 if brief.so_far else 0)
    return {
        "messages": said,
        "tokens": window.tokens,
        "left_out": brief.older + len(brief.turns) - said,
        "summary": is_summarized,
    }


def _sees(deployment: DeploymentView) -> bool:
    return not deployment.capabilities or "vision" in deployment.capabilities


def _common(ways: set[Way | None]) -> Way | None:
    return next(iter(ways)) if len(ways) == 1 else None


def _least(values: Any) -> int | None:
    known = [value for value in values if value is not None]
    return min(known) if known else None
