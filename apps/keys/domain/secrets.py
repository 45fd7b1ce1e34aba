"""The text of a key and what is kept of it.

A key is `<prefix><43 characters>`, 256 random bits. Kept are its first characters for look-up and a hash: HMAC-SHA-256
under the server's pepper, or bcrypt for those whose rules ask for it. With 256 random bits neither can be guessed;
HMAC is the default because bcrypt's quarter of a second would be paid by every first call.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import bcrypt

LOOKUP_LENGTH = 16
BCRYPT_COST = 12
_RANDOM_LENGTH = 43


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database holds of a secret."""

    lookup: str
    scheme: str
    digest: str


def new_secret(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(32)


def looks_like_key(token: str) -> bool:
    """Whether it could be one of ours; a token with dots is a JWT's business."""
    prefix, underscore, rest = token.partition("_")
    return bool(prefix and underscore) and len(rest) == _RANDOM_LENGTH and token.isascii()


def lookup_of(token: str) -> str:
    return token.partition("_")[2][:LOOKUP_LENGTH]


def fingerprint(token: str, pepper: str) -> str:
    """The keyed hash of a token: stored under the scheme `hmac`, and the name of a token in memory."""
    return hmac.digest(pepper.encode(), token.encode(), hashlib.sha256).hex()


def keep(token: str, *, scheme: str, pepper: str) -> Kept:
    digest = fingerprint(token, pepper)
    if scheme == "bcrypt":
        digest = bcrypt.hashpw(digest.encode(), bcrypt.gensalt(BCRYPT_COST)).decode()
    return Kept(lookup_of(token), scheme, digest)


def matches(token: str, kept: Kept, pepper: str) -> bool:
    """Constant-time comparison under the scheme the secret was kept by."""
    digest = fingerprint(token, pepper)
    if kept.scheme == "bcrypt":
        return bcrypt.checkpw(digest.encode(), kept.digest.encode())
    return hmac.compare_digest(digest, kept.digest)
