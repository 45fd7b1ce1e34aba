"""Models and versions in MLflow's shapes. Moments are milliseconds, tags and aliases lists, empty things left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from apps.models.enums import VersionStatus
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.queries import mlflow as queries

ARTIFACTS: Final = "/api/2.0/mlflow-artifacts/artifacts"
LABEL: Final = "signalbox.version"
"""The tag that tells a version's own name; MLflow knows numbers alone."""
_STATUSES: Final = {
    VersionStatus.READY: "READY",
    VersionStatus.CHECKING: "PENDING_REGISTRATION",
    VersionStatus.REFUSED: "FAILED_REGISTRATION",
}


def model_shape(model: RegisteredModel) -> dict[str, Any]:
    """Of a model that `queries.with_latest` read."""
    aliases = [
        {"alias": alias.name, "version": str(alias.version.number)} for alias in model.aliases.all()
    ]
    shape = {
        "name": model.name,
        "creation_timestamp": _moment(model.created_at),
        "last_updated_timestamp": _moment(model.updated_at),
        "description": model.description,
        "latest_versions": [version_shape(each) for each in queries.newest_by_stage(model)],
        "tags": _tags(model.tags),
        "aliases": aliases,
    }
    return _without_nothing(shape)


def version_shape(version: ModelVersion) -> dict[str, Any]:
    refusal = version.refusal or {}
    shape = {
        "name": version.model.name,
        "version": str(version.number),
        "creation_timestamp": _moment(version.created_at),
        "last_updated_timestamp": _moment(version.updated_at),
        "user_id": version.created_by.email if version.created_by else "",
        "current_stage": version.stage,
        "description": version.description,
        "source": f"mlflow-artifacts:/{place_of(version)}",
        "run_id": version.lineage.get("run_id", ""),
        "status": _STATUSES[VersionStatus(version.status)],
        "status_message": refusal.get("message", ""),
        "tags": _tags({**version.tags, LABEL: version.label}),
        "aliases": [alias.name for alias in version.aliases.all()],
    }
    return _without_nothing(shape)


def place_of(version: ModelVersion) -> str:
    """Its directory among the artefacts."""
    return f"models/{version.model.name}/{version.number}"


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def _moment(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _without_nothing(shape: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shape.items() if value not in ("", [], None)}
