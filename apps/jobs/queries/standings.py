"""Where jobs stand, for those who follow them; whose job it is, the caller compares."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from apps.core.errors import NotFound
from apps.core.tenancy import unscoped
from apps.jobs.domain.positions import position
from apps.jobs.domain.standings import Standing
from apps.jobs.domain.states import State
from apps.jobs.models import Job

REASON = (
    "the id is what a caller without a key was given; with one, the door compares organizations"
)
COLUMNS = (
    "public_id", "organization_id", "state", "progress", "message", "claim", "attempts", "steps",
    "started_at", "result", "error",
)  # fmt: skip


def standing(*, job_id: str) -> Standing:
    """Where one job stands, whoever's it is; `NotFound` when there is none."""
    found = standings(job_ids=[job_id])
    if not found:
        raise NotFound
    return found[0]


def standings(*, job_ids: Collection[str]) -> list[Standing]:
    """The same for many, in one query; those that are gone are left out."""
    with unscoped(reason=REASON):
        rows = Job.objects.filter(public_id__in=job_ids).values_list(*COLUMNS)
        return [_standing(*row) for row in rows]


def _standing(
    job_id: str, organization: int, state: str, progress: float, message: str, claim: int,
    attempts: int, steps: list[Any], *rest: Any,
) -> Standing:  # fmt: skip
    started_at, result, error = rest
    seq = position(claim=claim, state=state, progress=progress, steps=len(steps))
    return Standing(
        job_id, organization, State(state), progress, message, seq, attempts, tuple(steps),
        started_at, result, error,
    )  # fmt: skip
