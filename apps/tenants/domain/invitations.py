"""The secret of an invitation's link."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

LIFETIME = timedelta(days=7)


def new_token() -> str:
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is kept of it. 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
