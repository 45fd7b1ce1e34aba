"""The hash chain of an organization's audit trail: what is hashed, how, and where a chain is broken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64


def digest(content: Mapping[str, Any], previous_hash: str) -> str:
    """SHA-256 over the canonical JSON of an entry and the hash before it."""
    text = json.dumps(
        {**content, "previous_hash": previous_hash},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """A sealed entry, as the check of a chain needs it."""

    id: str
    sequence: int
    previous_hash: str
    hash: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a chain does not hold."""

    sequence: int
    entry: str
    reason: str


@dataclass(slots=True)
class Walk:
    """Goes along a chain link by link; answers the first break."""

    sequence: int = 0
    hash: str = GENESIS

    def step(self, link: Link) -> Break | None:
        expected = self.sequence + 1
        if link.sequence != expected:
            return Break(expected, link.id, f"entry {expected} is missing")
        if link.previous_hash != self.hash:
            return Break(link.sequence, link.id, "it does not follow the entry before it")
        if link.hash != digest(link.content, link.previous_hash):
            return Break(link.sequence, link.id, "its content is not what was sealed")
        self.sequence, self.hash = link.sequence, link.hash
        return None

    def finish(self, head_sequence: int, head_hash: str) -> Break | None:
        """Whether the chain ends where its head says it does."""
        if (self.sequence, self.hash) != (head_sequence, head_hash):
            return Break(
                self.sequence + 1,
                "",
                f"the chain ends at {self.sequence}, its head says {head_sequence}",
            )
        return None
