"""What workers do for this app."""

from __future__ import annotations

from typing import Any

from apps.jobs.domain.kinds import Context, handles
from apps.models.domain.work import PREDICTION, PredictionPayload
from apps.models.services import checking
from apps.models.services.checking import CHECK, CheckPayload
from apps.models.serving import background


@handles(PREDICTION)
def predict(context: Context, payload: PredictionPayload) -> Any:
    return background.predict_for_job(context, background.ask_of(payload))


@handles(CHECK)
def check(context: Context, payload: CheckPayload) -> Any:
    return checking.check_version(actor=context.actor, version_id=payload.version)
