"""A captured call: its request and answer as they are kept, without secrets and personal data. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apps.core.json import dumps
from apps.core.masking import mask
from apps.providers.domain.calls import Call
from apps.providers.domain.guardrails.redact import KINDS, Redact

KIND = "capture"
"""Of the spool's records."""
MOST_BYTES = 256 * 1024
"""Of the request and of the answer each; of a longer one only its beginning is kept, as text."""
_REDACT = Redact(KINDS, refuses=False)


def captured(
    *,
    organization: int,
    request_id: str,
    key: str,
    call: Call,
    status: str,
    answer: Any,
    is_cut: bool,
    at: datetime,
    expires_at: datetime,
) -> dict[str, Any]:
    """The record that goes to the spool."""
    request, is_request_cut = _bounded(call.body)
    said, is_answer_cut = _bounded(answer)
    return {
        "organization": organization,
        "request_id": request_id,
        "model": call.model[:50],
        "key": key,
        "status": str(status),
        "request": request,
        "answer": said,
        "is_cut": is_cut or is_request_cut or is_answer_cut,
        "at": at,
        "expires_at": expires_at,
    }


def _bounded(value: Any) -> tuple[Any, bool]:
    clean = _redacted(mask(value))
    text = dumps(clean)
    if len(text) <= MOST_BYTES:
        return clean, False
    return {"beginning": text[:MOST_BYTES].decode("utf-8", "ignore")}, True


def _redacted(value: Any) -> Any:
    match value:
        case str():
            return _REDACT.check(value)
        case dict():
            return {name: _redacted(item) for name, item in value.items()}
        case list():
            return [_redacted(item) for item in value]
    return value
