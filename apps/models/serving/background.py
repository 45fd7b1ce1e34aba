"""Predictions made by a worker, as whoever asked for them."""

from __future__ import annotations

from typing import Any

from apps.core import json
from apps.core.errors import AppError, Invalid, Malformed, NotFound, PermissionDenied
from apps.core.http_client.loop import Abandoned, call_while
from apps.core.permissions import require
from apps.jobs.domain.kinds import Cancelled, Context, Refused
from apps.keys.queries.working import actor_of
from apps.models.domain.asking import Ask
from apps.models.errors import RefusedArtifact, ScoringFailed
from apps.models.permissions import ModelsPermission
from apps.models.serving import engine

FINAL = (Invalid, Malformed, NotFound, PermissionDenied, ScoringFailed, RefusedArtifact)
"""No further attempt would fare better."""


def predict_for_job(context: Context, ask: Ask) -> Any:
    """The answer as the door gives it. Raises what its job is to be told."""
    actor = actor_of(context)
    require(actor, ModelsPermission.PREDICT)
    try:
        answered = call_while(engine.predict(actor, ask), lambda: not context.is_cancelled())
    except Abandoned:
        raise Cancelled from None
    except FINAL as error:
        raise Refused(error.code, told(error)) from error
    # As plain values: what a row keeps is JSON.
    return json.parse(json.dumps(answered.document()))


def told(error: AppError) -> str:
    if isinstance(error, Invalid) and error.fields:
        return "; ".join(f"{each.field} {each.message}" for each in error.fields)
    return error.message
