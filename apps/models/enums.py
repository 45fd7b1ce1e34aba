"""The words of this app: stages, formats, standings of a version, permissions."""

from __future__ import annotations

from enum import StrEnum

from apps.core.permissions import Permission


class Stage(StrEnum):
    """Where a version stands. MLflow's words, as its clients say them."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    """One version of a model at most."""
    ARCHIVED = "Archived"


class Format(StrEnum):
    """What an artefact is, found by its content."""

    ONNX = "onnx"
    SKOPS = "skops"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    SCORECARD = "scorecard"
    REMOTE = "remote"
    """No model at all: the address of a server that has one."""


class VersionStatus(StrEnum):
    CHECKING = "checking"
    """Kept, and not opened yet: a large artefact, on its way through the queue."""
    READY = "ready"
    REFUSED = "refused"
    """Opened later than it was taken, and found wanting; `refusal` says why."""


class Task(StrEnum):
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class Source(StrEnum):
    """Which way a prediction was asked for."""

    SINGLE = "single"
    BATCH = "batch"
    ASYNC = "async"
    FILE = "file"
    V2 = "v2"
    """KServe's protocol."""


class SourceAuth(StrEnum):
    """How another's registry knows us."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"


class FollowState(StrEnum):
    """What became of a model that is followed, in the last run."""

    CURRENT = "current"
    """What is named there is named here."""
    MOVED = "moved"
    """The same, since this run."""
    WAITING = "waiting"
    """It is here, and people were asked before it is named."""
    CHECKING = "checking"
    """It is here, and not opened yet."""
    FAILED = "failed"


class ModelsPermission(Permission):
    VIEW = "models.model.view"
    """Read models, versions, aliases, and the log of predictions."""
    PREDICT = "models.model.predict"
    """Ask models for predictions, and say what they turned out to be."""
    MANAGE = "models.model.manage"
    """Register models, upload versions, set stages and aliases."""
    SOURCE_MANAGE = "models.source.manage"
    """Follow models of other registries."""
