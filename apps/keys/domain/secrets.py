"""The text of a key and what is kept of it.

A key is `<prefix><43 characters>`, 256 random bits. Kept is a hash: HMAC-SHA-256 under the server's pepper, or bcrypt
over that for those whose rules ask for it. With 256 random bits neither can be guessed; HMAC is the default because
bcrypt's quarter of a second would be paid by every key's first call.

A row is looked up by the beginning of the HMAC, not by a part of the key. So nothing of a key stands in the clear,
a made-up key and one with a right beginning go the same way and take the same time, and neither meets bcrypt.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from functools import lru_cache

import bcrypt

LOOKUP_LENGTH = 16
BCRYPT_COST = 12
REMEMBERED = 10_000
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
    """Whether it could be one of ours; what fails here costs no look-up."""
    prefix, underscore, rest = token.partition("_")
    return bool(prefix and underscore) and len(rest) == _RANDOM_LENGTH and token.isascii()


def fingerprint(token: str, pepper: str) -> str:
    """The keyed hash of a token; its beginning is what a row is looked up by."""
    return hmac.digest(pepper.encode(), token.encode(), hashlib.sha256).hex()


def lookup_of(digest: str) -> str:
    return digest[:LOOKUP_LENGTH]


def keep(token: str, *, scheme: str, pepper: str) -> Kept:
    """What to store. Under bcrypt it takes a quarter of a second, so never inside a transaction."""
    digest = fingerprint(token, pepper)
    lookup = lookup_of(digest)
    if scheme == "bcrypt":
        digest = bcrypt.hashpw(digest.encode(), bcrypt.gensalt(BCRYPT_COST)).decode()
    return Kept(lookup, scheme, digest)


def matches(digest: str, kept: Kept) -> bool:
    """Whether a token's fingerprint is that of the kept secret, in constant time."""
    if kept.scheme == "bcrypt":
        return _bcrypt_matches(digest, kept.digest)
    return hmac.compare_digest(digest, kept.digest)


@lru_cache(REMEMBERED)
def _bcrypt_matches(digest: str, hashed: str) -> bool:
    # Remembered, because what a key amounts to is asked anew whenever anything changes in its organisation.
    return bcrypt.checkpw(digest.encode(), hashed.encode())
