"""`model-versions/…`: versions by their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.models.enums import Stage
from apps.models.queries import mlflow as queries
from apps.models.queries import registry as reading
from apps.models.rest.mlflow.calls import Params, Waiting
from apps.models.rest.mlflow.models import DONE, USUAL, listed
from apps.models.rest.mlflow.shapes import ARTIFACTS, place_of, version_shape
from apps.models.services import mlflow, stages, versions

Answer = Mapping[str, Any]
NO_ARTEFACT: Final = (
    "is a remote model: it has no artefact to load; ask for its predictions instead"
)


def create(actor: Actor, params: Params) -> Answer:
    made = mlflow.create_version(
        actor=actor,
        name=params.text("name"),
        source=params.text("source"),
        run_id=params.text("run_id", ""),
        description=params.text("description", ""),
        tags=params.tags(),
    )
    return {"model_version": version_shape(made)}


def get(actor: Actor, params: Params) -> Answer:
    found = reading.version(actor=actor, name=params.text("name"), tag=params.text("version"))
    return {"model_version": version_shape(found)}


def update(actor: Actor, params: Params) -> Answer:
    changed = versions.change_version(
        actor=actor,
        name=params.text("name"),
        tag=params.text("version"),
        description=params.text("description", ""),
    )
    return {"model_version": version_shape(changed)}


def delete(actor: Actor, params: Params) -> Answer:
    versions.remove_version(actor=actor, name=params.text("name"), tag=params.text("version"))
    return DONE


def search(actor: Actor, params: Params) -> Answer:
    found = queries.search_versions(
        actor=actor,
        text=params.text("filter", ""),
        orders=params.texts("order_by"),
        most=params.number("max_results", default=USUAL, most=queries.MOST_ASKED),
        token=params.text("page_token", ""),
    )
    return listed("model_versions", [version_shape(each) for each in found.rows], found.token)


def set_tag(actor: Actor, params: Params) -> Answer:
    _tag(actor, params, params.text("value", ""))
    return DONE


def delete_tag(actor: Actor, params: Params) -> Answer:
    _tag(actor, params, None)
    return DONE


def transition_stage(actor: Actor, params: Params) -> Answer:
    """Production archives the version that was there, whether asked to or not: there is one."""
    name, stage = params.text("name"), queries.read_stage(params.text("stage"))
    archives = params.flag("archive_existing_versions")
    if archives and stage not in (Stage.STAGING, Stage.PRODUCTION):
        text = "is for Staging and Production alone"
        raise Invalid.field("archive_existing_versions", text, "choice")
    moved = stages.set_stage(actor=actor, name=name, tag=params.text("version"), stage=stage)
    if moved.approval_id is not None:
        raise Waiting(moved.approval_id)
    if archives and stage is Stage.STAGING:
        stages.archive_others(actor=actor, name=name, version=moved.version)
    return {"model_version": version_shape(moved.version)}


def download_uri(actor: Actor, params: Params) -> Answer:
    """Whole, with our address: a client may have another server for its runs."""
    version, entries = queries.files_of(
        actor=actor, name=params.text("name"), tag=params.text("version")
    )
    if not entries:
        raise Invalid.field("version", NO_ARTEFACT, "remote")
    return {"artifact_uri": f"{params.base}{ARTIFACTS}/{place_of(version)}"}


def _tag(actor: Actor, params: Params, value: str | None) -> None:
    mlflow.set_version_tag(
        actor=actor,
        name=params.text("name"),
        tag=params.text("version"),
        key=params.text("key"),
        value=value,
    )
