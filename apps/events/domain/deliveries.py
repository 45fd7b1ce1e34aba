"""When a delivery is tried again, how it is signed, and what an answer to it means. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

PAUSES = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each attempt, counted from the one before."""
JITTER = 0.05
LONGEST_WAIT = timedelta(hours=24)
SECRET_PREFIX = "whsec_"  # noqa: S105 - how a secret begins
SECRET_BYTES = 32
GONE = 410


def pause_before(
    attempt: int, *, luck: float, retry_after: timedelta | None = None, scale: float = 1.0
) -> timedelta | None:
    """How long to wait before the attempt of this number (the first is 0); None when there is none any more.

    `luck` in 0..1 spreads receivers' troubles out. A receiver may ask for more time, never for less.
    """
    if attempt >= len(PAUSES):
        return None
    pause = timedelta(seconds=PAUSES[attempt] * (1 + JITTER * (2 * luck - 1)))
    return max(pause, min(retry_after or timedelta(), LONGEST_WAIT)) * scale


def read_retry_after(text: str | None, *, now: datetime) -> timedelta | None:
    """The header in either of its spellings: seconds, or a date."""
    if not text:
        return None
    if text.strip().isdecimal() and text.isascii():
        return min(timedelta(seconds=int(text.strip()[:9])), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)) - now, timedelta())


def is_success(status: int) -> bool:
    """A redirect is none: where it leads nobody has vouched for."""
    return 200 <= status < 300


def new_secret(random: bytes) -> str:
    return SECRET_PREFIX + base64.b64encode(random).decode()


def signature_headers(
    *, message_id: str, at: datetime, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0; one signature for each secret that is valid at present."""
    stamp = str(int(at.timestamp()))
    signed = b".".join([message_id.encode(), stamp.encode(), body])
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def matches(patterns: Iterable[str], names: Sequence[str]) -> bool:
    """Whether one of the names is meant: `*`, a name, or `prefix.*`."""
    return any(
        pattern == "*"
        or pattern in names
        or (pattern.endswith(".*") and any(name.startswith(pattern[:-1]) for name in names))
        for pattern in patterns
    )


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
