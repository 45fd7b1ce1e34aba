"""Executors that say what was asked of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from apps.models.domain.columns import ColumnChecker
from apps.models.domain.formats.description import Description
from apps.models.domain.schema import Row, compile_schema, read_schema
from apps.models.domain.scoring import Blueprint, Explanation, Output, Scored
from apps.models.domain.tables import VersionView
from apps.models.enums import Format
from apps.models.errors import ScoringFailed

SCHEMA = read_schema({"x": {"type": "number"}})


class FakeExecutor:
    """Answers each row with its own number; `poison` is a row it fails at, `gate` what it waits for."""

    is_instant = False

    def __init__(self, *, memory: int = 1, poison: float | None = None) -> None:
        self.memory = memory
        self.poison = poison
        self.gate = asyncio.Event()
        self.gate.set()
        self.batches: list[list[float]] = []
        self.is_closed = False

    async def score(self, rows: Sequence[Row]) -> list[Scored]:
        self.batches.append([row[0] for row in rows])  # type: ignore[misc]  # numbers, says the schema
        await self.gate.wait()
        if any(row[0] == self.poison for row in rows):
            raise ScoringFailed
        return [Scored(row[0]) for row in rows]  # type: ignore[arg-type]  # as above

    async def explain(self, row: Row) -> Explanation:
        return Explanation(0.0, (1.0,), Output.PREDICTION)

    async def close(self) -> None:
        self.is_closed = True


def view(key: int = 1) -> VersionView:
    checker = compile_schema(SCHEMA)
    described = Description(format=Format.ONNX, task="regression")
    blueprint = Blueprint(described, SCHEMA, ((0.0,),))
    return VersionView(
        key=key,
        public_id=f"mver_{key}",
        model_key=1,
        model="m",
        label=str(key),
        number=key,
        digest="",
        size=1,
        blueprint=blueprint,
        checker=checker,
        columns=ColumnChecker(SCHEMA, checker),
    )
