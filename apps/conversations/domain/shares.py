"""The secret of a share's link."""

from __future__ import annotations

import hashlib
import re
import secrets

LEAST_SECONDS = 60
MOST_SECONDS = 366 * 86400

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    return _TOKEN(text) is not None


def digest_of(token: str) -> str:
    """What is kept of it. 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
