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
MOST_VALUES = 2_000_000
"""Numbers of probabilities and explanations among all answers: each takes some thirty bytes, and rows may be wide."""
LONGEST_LABEL = 1000
"""Of a word that is remembered; another server's may have megabytes."""


@dataclass(slots=True)
class Remembered:
    scored: Scored
    ends_at: float
    explanation: Explanation | None = None

    @property
    def values(self) -> int:
        found = 0 if self.explanation is None else len(self.explanation.values)
        return found + len(self.scored.probabilities or ())


def key_of(organization: str, version: VersionView, row: Row) -> str:
    """`predict:{model}:{version}:{features_hash}`, within an organization and for one life of the version's name."""
    features = blake2b(orjson.dumps(row), digest_size=16).hexdigest()
    return f"predict:{organization}:{version.model}:{version.key}:{features}"


class Cache:
    """The answer used longest ago goes first. Serves one event loop."""

    def __init__(
        self, seconds: float, capacity: int = CAPACITY, most_values: int = MOST_VALUES
    ) -> None:
        self.seconds = seconds
        self._capacity = capacity
        self._most_values = most_values
        self._values = 0
        self._known: OrderedDict[str, Remembered] = OrderedDict()

    def get(self, key: str) -> Remembered | None:
        found = self._known.get(key)
        if found is None:
            return None
        if found.ends_at <= monotonic():
            self._drop(key)
            return None
        self._known.move_to_end(key)
        return found

    def put(self, key: str, scored: Scored, explanation: Explanation | None) -> None:
        label = scored.prediction
        if isinstance(label, str) and len(label) > LONGEST_LABEL:
            return
        known = self._known
        self._drop(key)
        new = known[key] = Remembered(scored, monotonic() + self.seconds, explanation)
        self._values += new.values
        while len(known) > self._capacity or self._values > self._most_values:
            self._drop(next(iter(known)))

    def clear(self) -> None:
        self._known.clear()
        self._values = 0

    def _drop(self, key: str) -> None:
        found = self._known.pop(key, None)
        if found is not None:
            self._values -= found.values
