"""From the bytes of a request to a `Call`, strictly."""

from __future__ import annotations

from apps.core import json
from apps.core.asgi.admission import charge
from apps.core.asgi.request import GateRequest
from apps.core.errors import AppError, Invalid, Unsupported
from apps.providers.domain.calls import Call
from apps.providers.domain.forms import (
    CHAT,
    COMPLETION,
    COUNT,
    EMBEDDINGS,
    IMAGES,
    MESSAGES,
    Form,
    read_body,
)

__all__ = [
    "CHAT",
    "COMPLETION",
    "COUNT",
    "EMBEDDINGS",
    "IMAGES",
    "MESSAGES",
    "Form",
    "read",
    "read_call",
]

LONGEST_SESSION = 255
PLAIN_BYTES = 16 * 1024
"""Bodies up to here are not looked through for their tokens: their length tells, and costs nothing to know."""


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
    return read_body(
        json.parse(raw),
        form,
        session=_session(request),
        cache_control=request.META.get("HTTP_CACHE_CONTROL", ""),
        plain_bytes=len(raw) if len(raw) <= PLAIN_BYTES and b'"image' not in raw else 0,
    )


def _session(request: GateRequest) -> str:
    session: str = request.META.get("HTTP_X_SESSION_ID", "")
    if len(session) > LONGEST_SESSION:
        raise Invalid.field("X-Session-ID", f"may have {LONGEST_SESSION} characters", "max_length")
    return session
