"""A recorder of live rows that keeps what it is given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

Row = tuple[str, int, Sequence[Mapping[str, Any]]]


class FakeRecorder:
    """`told` holds what was published; `organizations` are those in which somebody follows."""

    def __init__(self, *organizations: int) -> None:
        self.organizations = organizations
        self.told: list[Row] = []

    def publish(self, topic: str, organization_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
        self.told.append((topic, organization_id, rows))

    def followed(self, topic: str) -> Collection[int]:
        return self.organizations
