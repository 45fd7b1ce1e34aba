"""What workers do for this app."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apps.jobs.domain.kinds import Context, handles
from apps.jobs.domain.schedule import periodic
from apps.models.domain.work import PREDICTION, PredictionPayload
from apps.models.services import checking, mlflow_sync, sources
from apps.models.services.batches import BATCH, BatchPayload
from apps.models.services.checking import CHECK, CheckPayload
from apps.models.services.sources import SYNC, SyncPayload
from apps.models.serving import background, filing


@handles(PREDICTION)
def predict(context: Context, payload: PredictionPayload) -> Any:
    return background.predict_for_job(context, payload.ask())


@handles(CHECK)
def check(context: Context, payload: CheckPayload) -> Any:
    return checking.check_version(actor=context.actor, version_id=payload.version)


@handles(BATCH)
def score_file(context: Context, payload: BatchPayload) -> Any:
    return filing.score_file(context, payload)


@handles(SYNC)
def follow_source(context: Context, payload: SyncPayload) -> Any:
    return mlflow_sync.sync(actor=context.actor, source_id=payload.source, step=context.step)


@periodic("models.mlflow_sources", every=timedelta(minutes=1))
def follow_sources(due: datetime) -> None:
    sources.enqueue_due(due)
