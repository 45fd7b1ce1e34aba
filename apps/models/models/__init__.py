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

__all__ = [
    "FORMATS",
    "STAGES",
    "STATUSES",
    "ModelAlias",
    "ModelVersion",
    "OutcomeTally",
    "PredictionHour",
    "PredictionRecord",
    "RegisteredModel",
]
