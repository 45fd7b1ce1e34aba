"""From the bytes of a request to a `Call`, strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.core import json
from apps.core.asgi.admission import charge
from apps.core.asgi.request import GateRequest
from apps.core.errors import AppError, Invalid, Unsupported
from apps.providers.domain import requests
from apps.providers.domain.calls import Call
from apps.providers.enums import Dialect, Operation

LONGEST_SESSION = 255
PLAIN_BYTES = 16 * 1024
"""Bodies up to here are not looked through for their tokens: their length tells, and costs nothing to know."""


@dataclass(frozen=True, slots=True)
class Form:
    """What one door takes."""

    operation: Operation
    dialect: Dialect
    known: Mapping[str, requests.Check]
    required: tuple[str, ...]
    streams: bool = True

    @property
    def limit(self) -> str:
        return "chat" if self.operation is Operation.CHAT else "default"


CHAT = Form(Operation.CHAT, Dialect.OPENAI, requests.CHAT, ("model", "messages"))
COMPLETION = Form(Operation.COMPLETION, Dialect.OPENAI, requests.COMPLETION, ("model", "prompt"))
EMBEDDINGS = Form(
    Operation.EMBEDDINGS, Dialect.OPENAI, requests.EMBEDDINGS, ("model", "input"), streams=False
)
IMAGES = Form(Operation.IMAGES, Dialect.OPENAI, requests.IMAGES, ("model", "prompt"), streams=False)
MESSAGES = Form(
    Operation.CHAT, Dialect.ANTHROPIC, requests.MESSAGES, ("model", "max_tokens", "messages")
)
COUNT = Form(Operation.CHAT, Dialect.ANTHROPIC, requests.MESSAGES, ("model", "messages"))


async def read_call(request: GateRequest, form: Form) -> Call:
    """The call, or what is wrong with it; a body that is refused counts against the limit as a call does."""
    try:
        return read(request, form)
    except AppError:
        assert request.actor is not None
        await charge(request, request.actor.identity, form.limit)
        raise


def read(request: GateRequest, form: Form) -> Call:
    if request.content_type != "application/json":
        raise Unsupported("Send the body as application/json.")
    raw = request.body
    body = requests.check_body(json.parse(raw), form.known, form.required)
    options = body.get("stream_options") or {}
    is_stream = form.streams and body.get("stream") is True
    provider = body.get("provider") or ""
    if provider:
        body = {name: value for name, value in body.items() if name != "provider"}
    return Call(
        operation=form.operation,
        dialect=form.dialect,
        model=body["model"],
        body=body,
        is_stream=is_stream,
        wants_usage=is_stream and options.get("include_usage") is True,
        end_user=_end_user(body, form),
        session=_session(request),
        cache_control=request.META.get("HTTP_CACHE_CONTROL", ""),
        provider=provider,
        plain_bytes=len(raw) if len(raw) <= PLAIN_BYTES and b'"image' not in raw else 0,
    )


def _end_user(body: dict[str, Any], form: Form) -> str:
    if form.dialect is Dialect.OPENAI:
        return body.get("user") or ""
    named = (body.get("metadata") or {}).get("user_id")
    if named is None:
        return ""
    if not isinstance(named, str) or len(named) > requests.LONGEST_USER:
        raise Invalid.field(
            "metadata.user_id", f"must be a string of {requests.LONGEST_USER} characters at most"
        )
    return named


def _session(request: GateRequest) -> str:
    session: str = request.META.get("HTTP_X_SESSION_ID", "")
    if len(session) > LONGEST_SESSION:
        raise Invalid.field("X-Session-ID", f"may have {LONGEST_SESSION} characters", "max_length")
    return session
