"""What every answer of the hot GET must have done, in plain Python that both peers share.

A peer that used its framework's usual parts here (a throttle over a pickling cache, say) would be slower; these are
as quick as we know how to write them, so that a row compares the ways in and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic_ns, perf_counter, time

import orjson

KEY = os.environ.get("BENCH_PEER_KEY", "ltb_peer")
PEPPER = b"a-pepper-of-forty-characters-or-more-more"
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "x-api-version": "v1",
}


@dataclass(frozen=True, slots=True)
class Caller:
    organization: str
    slug: str
    organization_name: str
    user: str
    email: str
    name: str
    role: str
    permissions: tuple[str, ...]
    credential: str


def digest(token: str) -> str:
    return hmac.digest(PEPPER, token.encode(), hashlib.sha256).hex()


CALLER = Caller(
    organization="org_6c1bd04cf0ce4a0fb37d09bf3a5d0a53",
    slug="bench",
    organization_name="Bench",
    user="user_0c9f2ad2a01b4c43a6d62a04ed6b1f4e",
    email="bench@example.com",
    name="bench",
    role="admin",
    permissions=tuple(f"app.noun.permission_{number:02}" for number in range(19)),
    credential="key_6c1bd04cf0ce4a0fb37d09bf3a5d0a53",
)
_known = {digest(KEY): CALLER}


def recall(token: str) -> Caller | None:
    """A key's caller, from this process's memory."""
    return _known.get(digest(token))


def profile(caller: Caller) -> dict[str, object]:
    """The answer of the hot GET."""
    return {
        "user": {"id": caller.user, "email": caller.email, "name": caller.name},
        "service_account": None,
        "organization": {
            "id": caller.organization,
            "slug": caller.slug,
            "name": caller.organization_name,
        },
        "role": caller.role,
        "approver": False,
        "permissions": list(caller.permissions),
        "credential": {"kind": "key", "id": caller.credential, "expires_at": None},
    }


class Window:
    """An exact sliding window in memory."""

    def __init__(self, limit: int, seconds: int) -> None:
        self.limit = limit
        self._span = seconds * 1_000_000_000
        self._hits: dict[str, deque[int]] = {}
        self._lock = threading.Lock()

    def hit(self, key: str) -> tuple[bool, int, int]:
        """Whether it fits, how many are left, and when (epoch seconds) one more will be."""
        with self._lock:
            now = monotonic_ns()
            hits = self._hits.setdefault(key, deque())
            while hits and hits[0] <= now - self._span:
                hits.popleft()
            fits = len(hits) < self.limit
            if fits:
                hits.append(now)
            return (
                fits,
                self.limit - len(hits),
                int(time() + (hits[0] + self._span - now) / 1e9) + 1,
            )


window = Window(limit=100_000, seconds=1)


def limit_headers(left: int, reset: int) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(window.limit),
        "x-ratelimit-remaining": str(left),
        "x-ratelimit-reset": str(reset),
    }


def new_request_id() -> str:
    return f"req_{secrets.token_hex(12)}"


_log = os.open(
    os.environ.get("BENCH_ACCESS_LOG", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640
)


def record_access(
    *,
    request_id: str,
    method: str,
    path: str,
    status: int,
    started: float,
    address: str,
    caller: Caller | None,
) -> None:
    """One JSON line by one `write`."""
    record = {
        "at": datetime.now(UTC),
        "request_id": request_id,
        "method": method,
        "path": path,
        "status": status,
        "ms": round((perf_counter() - started) * 1000, 2),
        "address": address,
        "organization": caller.organization if caller else None,
        "credential": caller.credential if caller else None,
    }
    os.write(_log, orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))
