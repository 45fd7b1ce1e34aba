"""A spool of our own, and a drain that remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from apps.core.spool.spool import Record, Spool


@dataclass
class Taken:
    """A drain: keeps what it was handed, and fails when told to."""

    records: list[Record] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    error: Callable[[list[Record]], Exception | None] = lambda _: None

    def __call__(self, records: list[Record]) -> None:
        if (error := self.error(records)) is not None:
            raise error
        self.records += records
        self.batches.append(len(records))

    @property
    def values(self) -> list[Any]:
        return [record.value for record in self.records]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def spool(root: Path, taken: Taken) -> Iterator[Spool]:
    one = Spool(root, {"tried": taken})
    yield one
    one.close()
