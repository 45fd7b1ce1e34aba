"""Errors of upstreams, read whatever their shape: message, the upstream's own word, when to come back, what was too long.

Nothing here raises. A page of HTML is never shown to a caller; a credential never.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from apps.core.masking import MASK, mask_text
from apps.providers.domain.calls import Refusal

MOST_SHOWN = 1000
MOST_READ = 64 * 1024
LONGEST_WAIT = 24 * 3600.0
SHORTEST_SECRET = 6
"""Shorter ones would blot out ordinary words, and are no secrets."""
_KEYS = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk|gsk|hf|xai|nvapi|pplx|fw|r8)[-_][A-Za-z0-9_\-*.]{8,}|AIza[A-Za-z0-9_\-]{20,}|[0-9a-fA-F]{32,}(?![A-Za-z0-9]))"
    r"|(?<=[Bb]earer )[A-Za-z0-9_\-.~+/=*]{8,}"
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0, "": 1.0}
# Errors a stream tells have words, no status.
_STATUS_BY_WORD = {
    "rate_limit": 429,
    "too_many": 429,
    "insufficient_quota": 429,
    "resource_exhausted": 429,
    "overloaded": 503,
    "unavailable": 503,
    "timeout": 504,
    "deadline": 504,
    "authentication": 401,
    "permission": 403,
    "not_found": 404,
    "invalid": 400,
    "badrequest": 400,
    "bad_request": 400,
    "validation": 400,
    "exceed_context": 400,
    "context_length": 400,
}


def read(
    status: int, headers: Mapping[str, str], body: bytes, *, overflow: re.Pattern[str]
) -> Refusal:
    """The refusal that an answer with an error status is. `overflow`: the provider's words for a prompt too long."""
    value = _json(body)
    error = _error_of(value)
    message = _message(error, value) or _plain(headers, body) or _unsaid(status)
    return make(
        status,
        message,
        code=_code(error, value),
        overflow=overflow,
        retry_after=retry_after(headers, time.time()),
        details=_details(error),
    )


def spoken(value: Any, *, status: int, overflow: re.Pattern[str]) -> Refusal:
    """The refusal that an error told within a stream or a 200 is: the object under `error`, or its text."""
    error = value if isinstance(value, dict) else {}
    message = _message(error, error) or (value if isinstance(value, str) else "") or _unsaid(status)
    return make(
        status, message, code=_code(error, error), overflow=overflow, details=_details(error)
    )


def make(
    status: int,
    message: str,
    *,
    code: str = "",
    overflow: re.Pattern[str],
    retry_after: float | None = None,
    details: Mapping[str, Any] | None = None,
) -> Refusal:
    is_overflow = status in {400, 413, 422, 500} and bool(
        overflow.search(code) or overflow.search(message[:MOST_READ])
    )
    return Refusal(
        status=status,
        message=_safe(message),
        code=_safe(code)[:100],
        retry_after=retry_after,
        is_context_overflow=is_overflow,
        details=dict(details or {}),
    )


def masked(refusal: Refusal, credential: str) -> Refusal:
    """The same without the credential that was sent, whatever it looks like."""
    if len(credential) < SHORTEST_SECRET:
        return refusal
    details = {
        name: value.replace(credential, MASK) if isinstance(value, str) else value
        for name, value in refusal.details.items()
    }
    return replace(
        refusal,
        message=refusal.message.replace(credential, MASK),
        code=refusal.code.replace(credential, MASK),
        details=details,
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, as the upstream wishes: `retry-after-ms`, or `retry-after` in seconds or as a date."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if (milliseconds := _number(headers.get(name))) is not None:
            return min(milliseconds / 1000, LONGEST_WAIT)
    value = headers.get("retry-after")
    if value is None:
        return None
    if (seconds := _number(value)) is not None:
        return min(seconds, LONGEST_WAIT)
    try:
        return min(max(parsedate_to_datetime(value).timestamp() - now, 0.0), LONGEST_WAIT)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def read_duration(text: Any) -> float | None:
    """`34s`, `1.5s`, `250ms`: as Google writes how long to wait."""
    found = _DURATION.fullmatch(text.strip()) if isinstance(text, str) and len(text) < 40 else None
    return min(float(found[1]) * _UNITS[found[2]], LONGEST_WAIT) if found else None


def status_of(error: Any, otherwise: int = 502) -> int:
    """The status that an error without one means, by its number if it tells one, else by its words."""
    if not isinstance(error, dict):
        return otherwise
    for name in ("status", "status_code", "http_status", "http_status_code", "code"):
        value = error.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    words = " ".join(
        str(error[name]) for name in ("type", "code", "status") if error.get(name)
    ).lower()
    return next((status for word, status in _STATUS_BY_WORD.items() if word in words), otherwise)


def words(*phrases: str) -> re.Pattern[str]:
    """A pattern of any of these, in any case."""
    return re.compile("|".join(phrases), re.IGNORECASE)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body[:MOST_READ])
    except orjson.JSONDecodeError:
        return None


def _error_of(value: Any) -> dict[str, Any]:
    if isinstance(value, list) and value:
        value = value[0]  # Gemini wraps the errors of streams so
    if not isinstance(value, dict):
        return {}
    error = value.get("error")
    return error if isinstance(error, dict) else value


def _message(error: Mapping[str, Any], value: Any) -> str:
    for holder in (error, value if isinstance(value, dict) else {}):
        for name in ("message", "error", "detail", "details", "error_message", "msg"):
            found = holder.get(name)
            if isinstance(found, str) and found:
                return found
    return _first_detail(error.get("detail"))


def _first_detail(detail: Any) -> str:
    """FastAPI's list of what is wrong with a body, as `field: message`."""
    if isinstance(detail, dict):
        return _message(detail, {})
    if not isinstance(detail, list) or not detail or not isinstance(detail[0], dict):
        return ""
    first = detail[0]
    where = first.get("loc")
    path = ".".join(map(str, where)) if isinstance(where, list) else ""
    message = str(first.get("msg", ""))
    return f"{path}: {message}" if path else message


def _code(error: Mapping[str, Any], value: Any) -> str:
    for name in ("code", "error_type", "type", "status"):
        found = error.get(name)
        if isinstance(found, str) and found:
            return found
    found = value.get("error_type") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _details(error: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _safe(found)
        for name in ("type", "param")
        if isinstance(found := error.get(name), str) and found
    }


def _plain(headers: Mapping[str, str], body: bytes) -> str:
    """A body that is text for people; a page or anything binary is not passed on."""
    kind = headers.get("content-type", "text/plain").lower()
    text = body[:MOST_SHOWN].decode("utf-8", "replace").strip()
    is_text = "plain" in kind and text.isprintable() and not text.startswith(("<", "{", "["))
    return text if is_text else ""


def _unsaid(status: int) -> str:
    return f"The provider answered {status} and no more."


def _safe(text: str) -> str:
    """Short, on lines that can be shown and stored, and without secrets."""
    shown = "".join(
        character if character.isprintable() else " " for character in text[: MOST_SHOWN * 2]
    )
    shown = _KEYS.sub(MASK, mask_text(shown)).strip()
    return shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}…"


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
