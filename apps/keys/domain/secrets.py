"""The text of a key, what is kept of it, and how the two are compared.

A key is a prefix and 256 random bits. Kept is a digest: HMAC-SHA-256 under the server's pepper, or bcrypt of that for
those whose rules ask for it. HMAC is the default because so many random bits cannot be guessed at any speed, while
bcrypt's quarter of a second is paid by every first call.

A row is found by the beginning of the HMAC and not of the key. So no part of a key stands in the clear but its hint,
a made-up key goes the same way as one whose beginning is right, and neither ever meets bcrypt.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import bcrypt

LOOKUP_LENGTH = 16
BCRYPT_COST = 12
_RANDOM_LENGTH = 43
_KEY = re.compile(rf"[a-z]{{2,8}}_[A-Za-z0-9_-]{{{_RANDOM_LENGTH}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database holds of a secret."""

    lookup: str
    scheme: str
    digest: str


class Proofs:
    """Which bcrypt digests this process has seen proved, so that bcrypt is paid once and not at each look-up.

    Held under the HMAC of the secret, bounded, oldest out first.
    """

    def __init__(self, capacity: int = 50_000) -> None:
        self._capacity = capacity
        self._proved: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def holds(self, fingerprint: str, digest: str) -> bool:
        return self._proved.get(fingerprint) == digest

    def add(self, fingerprint: str, digest: str) -> None:
        with self._lock:
            self._proved[fingerprint] = digest
            if len(self._proved) > self._capacity:
                self._proved.popitem(last=False)


def new_secret(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(32)


def looks_like_key(token: str) -> bool:
    """Whether it could be one of ours; anything else is refused without asking the database."""
    return _KEY.fullmatch(token) is not None


def lookup_of(token_fingerprint: str) -> str:
    """What a row is found by: 64 bits that nobody without the pepper can aim at."""
    return token_fingerprint[:LOOKUP_LENGTH]


def hint_of(token: str) -> str:
    """What people tell their keys apart by."""
    return token[-4:]


def fingerprint(token: str, pepper: str) -> str:
    """The keyed hash of a token, stored as it is under the scheme `hmac`."""
    return hmac.digest(pepper.encode(), token.encode(), hashlib.sha256).hex()


def keep(token: str, *, scheme: str, pepper: str) -> Kept:
    """What to store. Under bcrypt it takes its time, so never inside a transaction."""
    digest = fingerprint(token, pepper)
    lookup = lookup_of(digest)
    if scheme == "bcrypt":
        digest = bcrypt.hashpw(digest.encode(), bcrypt.gensalt(BCRYPT_COST)).decode()
    return Kept(lookup, scheme, digest)


def matches(token_fingerprint: str, kept: Kept, proofs: Proofs) -> bool:
    """Constant-time comparison under the scheme the secret was kept by."""
    if kept.scheme != "bcrypt":
        return hmac.compare_digest(token_fingerprint, kept.digest)
    if proofs.holds(token_fingerprint, kept.digest):
        return True
    if not bcrypt.checkpw(token_fingerprint.encode(), kept.digest.encode()):
        return False
    proofs.add(token_fingerprint, kept.digest)
    return True
