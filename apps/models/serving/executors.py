"""Models that score within this process: at once where that takes microseconds, else on the loop or aside as they take."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from apps.core.asgi.pool import in_pool
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Explanation, Scored, Scorer

SHORT_SECONDS = 0.002
"""What the loop can spare: a hop to a thread costs a tenth of it, and every caller waits that long."""
LONG_CELLS = 20_000
"""Values of a batch, of whose sums the loop makes ten million a second."""
FIRST_GUESS = 0.0005
LEARNING = 0.2


class InstantExecutor:
    """Scorecards and linear models: a few microseconds a row."""

    is_instant = True

    def __init__(self, scorer: Scorer, memory: int) -> None:
        self.scorer = scorer
        self.memory = memory

    async def score(self, rows: Sequence[Row]) -> list[Scored]:
        if len(rows) > 1 and len(rows) * len(rows[0]) > LONG_CELLS:
            return await in_pool(self.scorer.score, rows)
        return self.scorer.score(rows)

    async def explain(self, row: Row) -> Explanation:
        return self.scorer.explain(row)

    async def close(self) -> None:
        pass


class LocalExecutor:
    """Graphs: on the loop while they are short, in the pool when not. The runtimes let go of the interpreter as they run."""

    is_instant = False

    def __init__(self, scorer: Scorer, memory: int) -> None:
        self._scorer = scorer
        self.memory = memory
        self._row_seconds = FIRST_GUESS
        self._explain_seconds = 20 * FIRST_GUESS

    async def score(self, rows: Sequence[Row]) -> list[Scored]:
        began = perf_counter()
        if len(rows) * self._row_seconds < SHORT_SECONDS:
            scored = self._scorer.score(rows)
        else:
            scored = await in_pool(self._scorer.score, rows)
        taken = (perf_counter() - began) / len(rows)
        self._row_seconds += LEARNING * (taken - self._row_seconds)
        return scored

    async def explain(self, row: Row) -> Explanation:
        began = perf_counter()
        if self._explain_seconds < SHORT_SECONDS:
            explained = self._scorer.explain(row)
        else:
            explained = await in_pool(self._scorer.explain, row)
        self._explain_seconds += LEARNING * (perf_counter() - began - self._explain_seconds)
        return explained

    async def close(self) -> None:
        pass
