"""Shapley values of any function of a row, told against background rows: `base + sum(values)` is the function's output.

In two steps, so that whoever evaluates may do so here, in another process or on another server: `plan_shapley` says which
rows to evaluate, `Plan.finish` makes values of the answers. Where there are few coalitions all of them are asked and the
values are exact; else permutations stand for them, each walked there and back (antithetic). What is drawn follows from the
row alone, so that a version explains a row always alike, in any process.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import comb
from typing import Final, Protocol

from apps.models.domain.schema import Row
from apps.models.errors import ScoringFailed

BUDGET: Final = 1800
"""Evaluations that permutations come to, about: within 10 ms of a usual model of ten features."""
MOST_EXACT: Final = 4096
"""Evaluations for which all coalitions are asked, where the budget is the usual one."""
LEAST_WALKS: Final = 4
MOST_STEPS: Final = 256
"""Of one walk: where more features differ, several are changed in one step and share what it makes."""


class Plan(Protocol):
    """`rows` are to be evaluated, in this order."""

    rows: list[Row]

    def finish(self, outputs: Sequence[float]) -> tuple[float, tuple[float, ...]]:
        """The base value, and one value for each feature. `outputs` are the function's, row by row."""


def plan_shapley(row: Row, background: Sequence[Row], *, budget: int = BUDGET) -> Plan:
    """`background` holds one row at least, each as wide as `row`."""
    rows, rounds = _rationed(background, len(row), budget)
    varying = [
        place
        for place, value in enumerate(row)
        if any(_differ(value, each[place]) for each in rows)
    ]
    if 2 ** min(len(varying), 30) * len(rows) <= MOST_EXACT * budget // BUDGET:
        return _Coalitions(row, rows, varying)
    return _Walks(row, rows, rounds)


def _differ(one: object, other: object) -> bool:
    return one != other or type(one) is not type(other)


@dataclass(slots=True)
class _Coalitions:
    """Every subset of the features that differ from the background anywhere; the others are worth nothing."""

    row: Row
    rows: list[Row]
    _varying: list[int]
    _background: int

    def __init__(self, row: Row, background: Sequence[Row], varying: list[int]) -> None:
        self.row = row
        self._varying = varying
        self._background = len(background)
        self.rows = [mixed for each in background for mixed in _subsets(row, each, varying)]

    def finish(self, outputs: Sequence[float]) -> tuple[float, tuple[float, ...]]:
        players, size = len(self._varying), 2 ** len(self._varying)
        worth = [sum(outputs[at::size]) / self._background for at in range(size)]
        values = [0.0] * len(self.row)
        shares = [1 / (players * comb(players - 1, k)) for k in range(players)]
        without = 0.0  # what every player loses by the coalitions it is not in
        amounts = [0.0] * players
        for order in range(size):
            coalition, count = order ^ order >> 1, (order ^ order >> 1).bit_count()
            inside = shares[count - 1] if count else 0.0
            outside = shares[count] if count < players else 0.0
            without += outside * worth[order]
            amount = (inside + outside) * worth[order]
            while coalition:
                lowest = coalition & -coalition
                amounts[lowest.bit_length() - 1] += amount
                coalition ^= lowest
        for place, amount in zip(self._varying, amounts, strict=True):
            values[place] = amount - without
        return _settled(worth[0], values, worth[_last(players)])


def _subsets(row: Row, background: Row, varying: list[int]) -> Iterator[Row]:
    """In the order of Gray's code: one feature changes from one to the next."""
    mixed = list(background)
    yield tuple(mixed)
    for order in range(1, 2 ** len(varying)):
        player = (order & -order).bit_length() - 1
        place = varying[player]
        has_joined = (order ^ order >> 1) >> player & 1
        mixed[place] = row[place] if has_joined else background[place]
        yield tuple(mixed)


def _last(players: int) -> int:
    """Where Gray's code has all of them."""
    order = 0
    gray = 2**players - 1
    while gray:
        order ^= gray
        gray >>= 1
    return order


@dataclass(frozen=True, slots=True)
class _Walk:
    """From the background's row `start` to the row: which features each step changes, and where its outputs begin."""

    start: int
    steps: tuple[tuple[int, ...], ...]
    first: int


class _Walks:
    """Each row of the background begins as many walks as every other, so that the base is always the same."""

    def __init__(self, row: Row, starts: Sequence[Row], rounds: int) -> None:
        self._width = len(row)
        self._starts = len(starts)
        self.rows: list[Row] = [row, *starts]
        self._walks: list[_Walk] = []
        drawn = random.Random(_seed(row))  # noqa: S311 - no secret: the same for the same row
        for _ in range(rounds):
            for start, each in enumerate(starts):
                there = _steps(row, each, drawn)
                for steps in (there, there[::-1]):
                    self._walk(row, each, start, steps)

    def _walk(self, row: Row, begin: Row, start: int, steps: tuple[tuple[int, ...], ...]) -> None:
        self._walks.append(_Walk(start, steps, len(self.rows)))
        mixed = list(begin)
        for places in steps[:-1]:
            for place in places:
                mixed[place] = row[place]
            self.rows.append(tuple(mixed))

    def finish(self, outputs: Sequence[float]) -> tuple[float, tuple[float, ...]]:
        values = [0.0] * self._width
        end = outputs[0]
        for walk in self._walks:
            before = outputs[1 + walk.start]
            for number, places in enumerate(walk.steps):
                is_last = number == len(walk.steps) - 1
                after = end if is_last else outputs[walk.first + number]
                share = (after - before) / len(places)
                for place in places:
                    values[place] += share
                before = after
        base = sum(outputs[1 : 1 + self._starts]) / self._starts
        return _settled(base, [value / max(len(self._walks), 1) for value in values], end)


def _rationed(background: Sequence[Row], width: int, budget: int) -> tuple[list[Row], int]:
    """Which rows begin walks, and how many pairs each: by the budget and the width alone, so that the base stays."""
    pairs = max(budget // (2 * max(min(width, MOST_STEPS) - 1, 1)), LEAST_WALKS // 2)
    if pairs >= len(background):
        return list(background), pairs // len(background)
    return [background[number * len(background) // pairs] for number in range(pairs)], 1


def _steps(row: Row, begin: Row, drawn: random.Random) -> tuple[tuple[int, ...], ...]:
    """The features that differ, in an order that is drawn."""
    places = [place for place, value in enumerate(row) if _differ(value, begin[place])]
    drawn.shuffle(places)
    if len(places) <= MOST_STEPS:
        return tuple((place,) for place in places)
    return tuple(tuple(places[first::MOST_STEPS]) for first in range(MOST_STEPS))


def _seed(row: Row) -> int:
    """Alike in every process, which `hash` is not."""
    return int.from_bytes(blake2b(repr(row).encode(), digest_size=8).digest())


def _settled(base: float, values: list[float], end: float) -> tuple[float, tuple[float, ...]]:
    """What rounding left between the sum and the output goes to the largest value, where it is least."""
    if not values:
        return end, ()
    largest = max(range(len(values)), key=lambda place: abs(values[place]))
    values[largest] += end - base - sum(values)
    if not all(abs(value) < float("inf") for value in (base, *values)):
        raise ScoringFailed("The model's answers are too large to be explained.")
    return base, tuple(values)
