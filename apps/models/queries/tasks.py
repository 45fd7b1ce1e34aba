"""Predictions that were asked for later: what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.core.actor import Actor
from apps.core.errors import Conflict, NotFound
from apps.jobs.domain.states import FINAL, State
from apps.jobs.queries import jobs
from apps.models.domain.work import PREDICTION
from apps.models.queries.predictions import is_seen


@dataclass(frozen=True, slots=True)
class TaskResult:
    """`answer` is None while there is none yet."""

    task_id: str
    state: State
    answer: dict[str, Any] | None


def task_result(*, actor: Actor, task_id: str) -> TaskResult:
    """Raises `NotFound`, and `Conflict` with the reason where there will be no answer."""
    job = jobs.get_job(actor=actor, job_id=task_id)
    if job.kind != PREDICTION.name or not is_seen(actor, job.payload.get("model", "")):
        raise NotFound
    state = State(job.state)
    if state is State.COMPLETED:
        return TaskResult(task_id, state, job.result)
    if state in FINAL:
        error = job.error or {}
        message = error.get("message") or f"The prediction was {state}."
        raise Conflict(message, code=error.get("code") or f"task_{state}")
    return TaskResult(task_id, state, None)
