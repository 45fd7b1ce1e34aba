"""Columns and constraints of this app, by what they are about."""

from __future__ import annotations

from apps.models.models.predictions import OutcomeTally, PredictionHour, PredictionRecord
from apps.models.models.registry import (
    FORMATS,
    STAGES,
    STATUSES,
    ModelAlias,
    ModelVersion,
    RegisteredModel,
)
from apps.models.models.sources import AUTHS, MlflowSource

__all__ = [
    "AUTHS",
    "FORMATS",
    "STAGES",
    "STATUSES",
    "MlflowSource",
    "ModelAlias",
    "ModelVersion",
    "OutcomeTally",
    "PredictionHour",
    "PredictionRecord",
    "RegisteredModel",
]
