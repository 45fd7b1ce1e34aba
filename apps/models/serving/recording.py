"""What is written down of a prediction: one record for the spool, and the numbers that are watched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import random

from django.conf import settings

from apps.core.actor import Actor, CredentialKind
from apps.core.spool import process as spool
from apps.models.domain.log import KIND, Entry, Line
from apps.models.domain.tables import ModelView, VersionView
from apps.models.enums import Source
from apps.models.serving import metrics


def share_logged(model: ModelView) -> float:
    """Which share of a model's predictions keeps its rows."""
    return model.log_share if settings.SIGNALBOX_PREDICTION_LOG else 0.0


def is_logged(share: float) -> bool:
    """Whether this one is of them."""
    return share >= 1.0 or random() < share  # noqa: S311 - a sample, not a secret


def record(
    actor: Actor,
    model: ModelView,
    version: VersionView,
    *,
    source: Source,
    at: datetime,
    seconds: float,
    lines: Sequence[Line] = (),
    predictions: int = 1,
    errors: int = 0,
    cached: int = 0,
    batch: str = "",
) -> None:
    """Never raises: a full disk costs the record, not the answer."""
    identity = actor.identity
    metrics.observe(
        (identity.organization, model.name, version.label),
        seconds,
        rows=predictions,
        errors=errors,
        cached=cached,
    )
    is_key = identity.credential.kind is CredentialKind.KEY
    entry = Entry(
        organization=identity.organization_id,
        model_key=model.key,
        model=model.name,
        version_key=version.key,
        version=version.label,
        source=source.value,
        request_id=actor.request_id,
        at=at,
        duration_ms=round(seconds * 1000, 3),
        predictions=predictions,
        errors=errors,
        cached=cached,
        batch=batch,
        key=identity.credential.id if is_key else "",
        principal=identity.principal,
        lines=tuple(lines),
    )
    spool.append(KIND, entry.to_record())
