"""Predictions as jobs: checked when they are asked for, scored by a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.core.actor import Actor
from apps.jobs.services import submissions
from apps.models.domain.work import PREDICTION, PredictionPayload

if TYPE_CHECKING:
    from apps.jobs.models import Job


def submit_prediction(*, actor: Actor, payload: PredictionPayload) -> Job:
    """Queue one. Raises `QueueFull` and its kin; whether the row fits its model the caller has looked at."""
    return submissions.submit(actor=actor, kind=PREDICTION.name, payload=payload.model_dump())
