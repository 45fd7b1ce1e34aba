"""The one splitter of traffic: routes, experiments and rollouts all place a subject by it.

A subject always falls into the same bucket of a salt, in every process. Shares are laid out along the buckets in a
stated order, so that one whose share grows takes buckets from its neighbour and gives none back.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

BUCKETS = 10_000


def bucket_of(subject: str, salt: str) -> int:
    """0 to 9,999, evenly spread, the same everywhere and for ever."""
    digest = blake2b(subject.encode("utf-8", "surrogatepass"), digest_size=8, salt=_salt(salt))
    return int.from_bytes(digest.digest(), "big") % BUCKETS


def pick(weights: Sequence[float], bucket: int) -> int:
    """The index of the share that the bucket lies in. Weights need not sum to anything; one at least is above zero."""
    total = sum(weights)
    if total <= 0:
        raise ValueError("no share is above zero")
    edge, last = 0.0, 0
    for index, weight in enumerate(weights):
        if weight <= 0:
            continue
        edge += weight
        last = index
        if bucket < edge / total * BUCKETS:
            return index
    return last


def _salt(salt: str) -> bytes:
    return blake2b(salt.encode("utf-8", "surrogatepass"), digest_size=16).digest()
