"""Answers remembered by version and row: versions never change, so what was once answered stays right for its time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from time import monotonic

import orjson

from apps.models.domain.schema import Row
from apps.models.domain.scoring import Explanation, Scored
from apps.models.domain.tables import VersionView

CAPACITY = 20_000


@dataclass(slots=True)
class Remembered:
    scored: Scored
    ends_at: float
    explanation: Explanation | None = None


def key_of(organization: str, version: VersionView, row: Row) -> str:
    """`predict:{model}:{version}:{features_hash}`, within an organization and for one life of the version's name."""
    features = blake2b(orjson.dumps(row), digest_size=16).hexdigest()
    return f"predict:{organization}:{version.model}:{version.key}:{features}"


class Cache:
    """The answer used longest ago goes first. Serves one event loop."""

    def __init__(self, seconds: float, capacity: int = CAPACITY) -> None:
        self.seconds = seconds
        self._capacity = capacity
        self._known: OrderedDict[str, Remembered] = OrderedDict()

    def get(self, key: str) -> Remembered | None:
        found = self._known.get(key)
        if found is None:
            return None
        if found.ends_at <= monotonic():
            del self._known[key]
            return None
        self._known.move_to_end(key)
        return found

    def put(self, key: str, scored: Scored, explanation: Explanation | None) -> None:
        known = self._known
        known[key] = Remembered(scored, monotonic() + self.seconds, explanation)
        known.move_to_end(key)
        if len(known) > self._capacity:
            known.popitem(last=False)

    def clear(self) -> None:
        self._known.clear()
