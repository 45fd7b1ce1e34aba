"""Where a job stands in its own life, as one number that only grows: the `seq` of its stream.

It is computed from the row, not counted: every process and every reader sees the same number for the same state, and
a reader who comes back is told what lies ahead of the number it names, whoever it asks and however long it was away.
A claim's life is run, then perhaps queued again, then ended; whatever begins anew does so under a later claim.
"""

from __future__ import annotations

from apps.core.errors import Invalid
from apps.jobs.domain.states import State

LONGEST = 18
"""Digits; more than any number of ours has."""
CLAIM = 1_000_000
QUEUED = 800_000
ENDED = 900_000


def position(*, claim: int, state: str, progress: float, steps: int) -> int:
    """The number of a state. Neighbours are not one apart: it tells later from earlier and no more."""
    match State(state):
        case State.RUNNING:
            within = min(round(progress * 1000) + steps, QUEUED - 1)
        case State.QUEUED:
            within = QUEUED
        case _:
            within = ENDED
    return claim * CLAIM + within


def read_after(*given: str | None) -> int | None:
    """The last number a follower knows, from wherever it was said; the newest where it was said twice."""
    known = []
    for text in given:
        if text:
            if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST):
                raise Invalid.field("after", "must be a `seq` of this stream", "integer")
            known.append(int(text))
    return max(known, default=None)
