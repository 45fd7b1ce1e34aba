"""What MLflow's clients do to the registry, where it is more than a call of a service: single tags, and versions made
of a source that we have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound, Stale
from apps.core.permissions import require
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries
from apps.models.queries.artifacts import open_artifact
from apps.models.services import mlflow_uploads, registry, versions

TRIES = 5
OWN: Final = "signalbox."
"""Tags that we say ourselves: not kept."""
_COPY: Final = re.compile(r"models:/([^/@]{1,100})/(\d{1,9})").fullmatch
_UPLOADED: Final = re.compile(r"(?:mlflow-artifacts:|https?://[^/]+/api/2\.0/mlflow-artifacts/artifacts)/+(.+)").fullmatch  # fmt: skip
NO_SOURCE: Final = (
    "cannot be read from here: runs and logged models lie at the tracking server. Let Signalbox follow its registry "
    "(POST /api/v1/mlflow-sources), or upload the directory to mlflow-artifacts:/uploads/… first"
)


def set_model_tag(*, actor: Actor, name: str, key: str, value: str | None) -> None:
    """One tag more, another value of it, or, with None, one less. Raises what `registry.change_model` does."""

    def change() -> None:
        model = queries.model(actor=actor, name=name)
        registry.change_model(
            actor=actor,
            name=name,
            tags=_with(model.tags, key, value),
            expected_revision=model.revision,
        )

    require(actor, ModelsPermission.MANAGE)
    _again(change)


def set_version_tag(*, actor: Actor, name: str, tag: str, key: str, value: str | None) -> None:
    """The same for a version."""

    def change() -> None:
        version = queries.version(actor=actor, name=name, tag=tag)
        versions.change_version(
            actor=actor,
            name=name,
            tag=tag,
            tags=_with(version.tags, key, value),
            expected_revision=version.revision,
        )

    require(actor, ModelsPermission.MANAGE)
    _again(change)


def create_version(
    *,
    actor: Actor,
    name: str,
    source: str,
    run_id: str = "",
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> ModelVersion:
    """A version of what lies here already: another version (`models:/name/1`), or a directory that was uploaded.

    Raises `Invalid` for any other source, and what `publish_version` does.
    """
    require(actor, ModelsPermission.MANAGE)
    model = queries.seen_model(actor, name)
    said = {
        "description": description,
        "tags": {key: value for key, value in (tags or {}).items() if not key.startswith(OWN)},
    }
    copied, uploaded = _COPY(source), _UPLOADED(source)
    if copied is not None:
        return _copy(actor, model, _version_at(actor, *copied.groups()), run_id, said)
    if uploaded is not None:
        return mlflow_uploads.publish_upload(
            actor=actor, name=model.public_id, path=uploaded[1], run_id=run_id, said=said
        )
    raise Invalid.field("source", NO_SOURCE, "source")


def _version_at(actor: Actor, name: str, number: str) -> ModelVersion:
    try:
        return queries.version_at(queries.seen_model(actor, name), number)
    except NotFound:
        raise Invalid.field("source", "names no version of ours", "unknown") from None


def _copy(
    actor: Actor, model: RegisteredModel, version: ModelVersion, run_id: str, said: dict[str, Any]
) -> ModelVersion:
    lineage = {**version.lineage, **({"run_id": run_id} if run_id else {})}
    terms = versions.Terms(
        feature_schema=version.feature_schema,
        metrics=version.metrics,
        input_example=version.input_example,
        background=_background(version),
        lineage=lineage,
        **said,
    )
    with open_artifact(version) as stream:
        return versions.publish_version(
            actor=actor,
            name=model.public_id,
            stream=stream,
            terms=terms,
            file_name=version.file.name,
        )


def _background(version: ModelVersion) -> list[dict[str, Any]]:
    """As it was given; of a version that was not opened yet it stands so."""
    named = version.feature_schema
    rows = (
        row if isinstance(row, dict) else dict(zip(named, row, strict=True))
        for row in version.background
    )
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def _with(tags: Mapping[str, str], key: str, value: str | None) -> dict[str, str]:
    others = {name: text for name, text in tags.items() if name != key}
    return others if value is None else {**others, key: value}


def _again(change: Callable[[], None]) -> None:
    """A tag is part of a row that others change too: who comes second reads it once more."""
    for left in reversed(range(TRIES)):
        try:
            return change()
        except Stale:
            if not left:
                raise
    return None
