"""What a route does to the words that pass: its prompt goes before the caller's, its guardrails look both ways."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from apps.core.errors import FieldError, Invalid
from apps.providers.domain import requests
from apps.providers.domain.calls import Answer, Call
from apps.providers.domain.guardrails import registry, texts
from apps.providers.domain.guardrails.protocol import Guard
from apps.providers.domain.guardrails.streams import StreamGuard
from apps.providers.domain.prompts import PromptView, render
from apps.providers.domain.tables import RouteView
from apps.providers.enums import Dialect, Operation
from apps.providers.gateway.trace import Trace

FORMS = {
    Operation.CHAT: requests.CHAT,
    Operation.COMPLETION: requests.COMPLETION,
    Operation.EMBEDDINGS: requests.EMBEDDINGS,
    Operation.IMAGES: requests.IMAGES,
}
VARIABLES = "prompt_variables"
"""A field of ours in a caller's body; it never goes upstream."""
CAPACITY = 1_000
_guards: OrderedDict[tuple[str, int], tuple[Guard, ...]] = OrderedDict()


def shape_request(trace: Trace, prompt: PromptView | None) -> None:
    """Raises `Invalid` for variables that do not fit, and what a guardrail raises."""
    call = trace.call
    variables = call.body.get(VARIABLES)
    if prompt is not None or variables is not None:
        body = {name: value for name, value in call.body.items() if name != VARIABLES}
        call.body = with_prompt(replace(call, body=body), prompt, variables)
        call.plain_bytes = 0  # it is longer now than what was sent
    assert trace.route is not None
    call.continues_text = checked_prefill(trace, call.continues_text)
    for guard in guards_of(trace.route):
        if guard.on_request:
            body = texts.change_request(call.body, guard.guardrail.check)
            if body is not call.body:
                call.body, call.plain_bytes = body, 0


def checked_prefill(trace: Trace, said: str) -> str:
    """What a model is to go on from goes up as the rest of a request does. Raises what a guardrail raises."""
    if said and trace.route is not None:
        for guard in guards_of(trace.route):
            if guard.on_request:
                said = guard.guardrail.check(said)
    return said


def shape_answer(trace: Trace, answer: Answer) -> Answer:
    """Raises what a guardrail raises."""
    for guard in _on_answer(trace):
        body = texts.change_answer(answer.body, guard.guardrail.check)
        if body is not answer.body:
            answer = replace(answer, body=body, text=guard.guardrail.check(answer.text), raw=b"")
    return answer


def stream_guard(trace: Trace) -> StreamGuard | None:
    guards = _on_answer(trace)
    return StreamGuard(guards) if guards else None


def guards_of(route: RouteView) -> tuple[Guard, ...]:
    """Made once for each version of a route."""
    if not route.guardrails:
        return ()
    known = _guards.get((route.id, route.revision))
    if known is None:
        known = tuple(map(registry.make, route.guardrails))
        _guards[route.id, route.revision] = known
        while len(_guards) > CAPACITY:
            _guards.popitem(last=False)
    return known


def with_prompt(call: Call, prompt: PromptView | None, variables: Any) -> dict[str, Any]:
    """The body with the prompt's messages before the caller's, and its parameters where the caller names none."""
    if prompt is None:
        raise Invalid.field(VARIABLES, "are for routes that have a prompt", "unknown_field")
    messages = _filled(prompt, {} if variables is None else variables)
    body = {**_parameters(prompt, call), **call.body}
    if call.operation is Operation.COMPLETION:
        return _before_text(body, messages)
    if call.operation is not Operation.CHAT:
        return call.body
    if call.dialect is Dialect.ANTHROPIC:
        return _before_anthropic(body, messages)
    return {**body, "messages": [*messages, *body["messages"]]}


def _parameters(prompt: PromptView, call: Call) -> dict[str, Any]:
    """Those that this door knows; they are checked as if the caller had sent them."""
    known = FORMS[call.operation] if call.dialect is Dialect.OPENAI else requests.MESSAGES
    found = {name: value for name, value in prompt.parameters.items() if name in known}
    for name, value in found.items():
        if value is not None and (said := known[name](value)) is not None:
            raise Invalid.field(f"prompt.parameters.{name}", said)
    return found


def _filled(prompt: PromptView, variables: Any) -> list[dict[str, Any]]:
    try:
        return render(prompt.messages, variables)
    except Invalid as error:
        fields = [
            FieldError(f.field.replace("variables", VARIABLES, 1), f.message, f.type)
            for f in error.fields
        ]
        raise Invalid(fields=fields) from None


def _before_text(body: dict[str, Any], messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if not isinstance(body["prompt"], str):
        raise Invalid.field("prompt", "must be one text where the route has a prompt", "type")
    said = [message["content"] for message in messages]
    return {**body, "prompt": "\n\n".join([*said, body["prompt"]])}


def _before_anthropic(body: dict[str, Any], messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Anthropic keeps what the system says apart."""
    system = [m["content"] for m in messages if m["role"] in ("system", "developer")]
    others = [m for m in messages if m["role"] not in ("system", "developer")]
    changed = {**body, "messages": [*others, *body["messages"]]}
    if system:
        given = body.get("system")
        blocks = [{"type": "text", "text": text} for text in system]
        own = [{"type": "text", "text": given}] if isinstance(given, str) else list(given or ())
        changed["system"] = [*blocks, *own]
    return changed


def _on_answer(trace: Trace) -> list[Guard]:
    if trace.route is None or not trace.route.guardrails:
        return []
    return [guard for guard in guards_of(trace.route) if guard.on_answer]
