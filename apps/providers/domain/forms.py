"""The bodies that doors take, and from one of them to a `Call`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.core.errors import Invalid
from apps.providers.domain import requests
from apps.providers.domain.calls import Call
from apps.providers.enums import Dialect, Operation


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


def read_body(body: Any, form: Form, **more: Any) -> Call:
    """The call that a parsed body is; `more` are further facts of it. Raises `Malformed` and `Invalid`."""
    body = requests.check_body(body, form.known, form.required)
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
        provider=provider,
        **more,
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
