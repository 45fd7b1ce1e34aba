"""Following another's registry: what is named there is fetched once, published here, and named here.

One failure does not keep the others from being followed, and what failed is tried again at the next run. What is moved
is moved by the usual services, so people are asked where a policy says so: once for each version.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import structlog
from django.db import transaction
from django.utils import timezone

from apps.approvals.errors import AlreadyPending
from apps.core.actor import Actor
from apps.core.errors import AppError, Invalid, NotFound
from apps.core.permissions import require
from apps.models import topics
from apps.models.adapters.mlflow.client import Client, RemoteVersion
from apps.models.domain import names
from apps.models.domain.mlflow import reading
from apps.models.domain.mlflow.follows import Follow
from apps.models.enums import FollowState, SourceAuth, Stage, VersionStatus
from apps.models.models import MlflowSource, ModelAlias, ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as models
from apps.models.queries import sources as queries
from apps.models.services import aliases, registry, stages, versions
from apps.models.services.announcing import hold
from apps.models.services.sources import publish

log = structlog.get_logger(__name__)
LONGEST = 500
LABEL = "signalbox.version"
NO_OWNER = "Whoever set it up is no longer a member: change it, and it is yours."
Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Run:
    """Who acts, where, and whether somebody asked for it just now."""

    actor: Actor
    source: MlflowSource
    client: Client
    is_asked: bool
    former: Mapping[str, Mapping[str, Any]]
    """Outcomes of the run before, by place."""


def sync(*, actor: Actor | None, source_id: str, step: Step) -> dict[str, Any]:
    """One run; `actor` is who asked for it, None where the schedule did. Its outcomes are kept and answered.

    Raises `NotFound` when the source is gone, and what `Step` raises when it is told to stop.
    """
    source = queries.source_at(source_id)
    if actor is None and not source.is_enabled:
        return {"outcomes": source.outcomes, "error": ""}
    acting = actor or queries.owner_of(source)
    try:
        if acting is None:
            raise NotFound(NO_OWNER)
        require(acting, ModelsPermission.SOURCE_MANAGE)
        require(acting, ModelsPermission.MANAGE)
    except AppError as error:
        return _record(acting, source, source.outcomes, error.message)
    former = {each["place"]: each for each in source.outcomes}
    run = _Run(acting, source, _client(source), actor is not None, former)
    outcomes = []
    for document in source.follows:
        follow = _follow(document)
        step(f"Following {follow.place}")
        outcomes.append(_outcome(run, follow))
    return _record(acting, source, outcomes, "")


def _outcome(run: _Run, follow: Follow) -> dict[str, Any]:
    told: dict[str, Any] = {
        "place": follow.place,
        **follow.document(),
        "remote_version": "",
        "version": "",
        "approval_id": None,
        "message": "",
    }
    try:
        found = _remote(run.client, follow)
        told["remote_version"] = found.number
        version = _import(run, follow, found)
        told["version"] = version.label
        told |= _move(run, follow, version, found.number)
    except AppError as error:
        told |= {"state": FollowState.FAILED.value, "message": error.message[:LONGEST]}
    except Exception:  # a bug in one must not end the others; the log has it
        log.exception("mlflow_sync_failed", source=run.source.public_id, place=follow.place)
        told |= {"state": FollowState.FAILED.value, "message": AppError.message}
    return told


def _remote(client: Client, follow: Follow) -> RemoteVersion:
    if follow.alias:
        return client.version_by_alias(follow.model, follow.alias)
    return client.version_in_stage(follow.model, follow.stage)


def _import(run: _Run, follow: Follow, found: RemoteVersion) -> ModelVersion:
    """The version of ours that was made of theirs, made now if there is none."""
    model = _model(run.actor, follow)
    known = queries.imported(model, run.source.public_id, found.model, found.number)
    if known is not None:
        return known
    directory = run.client.directory(found)
    chosen = reading.choose(run.client.read(directory, reading.MLMODEL))
    with tempfile.TemporaryFile() as file:
        into = cast("BinaryIO", file)
        run.client.download(directory, chosen.file, into, most=versions.MOST_BYTES)
        terms = _terms(run.source, model, found, chosen)
        return _publish(run.actor, model, into, terms, chosen.file.rpartition("/")[2])


def _publish(
    actor: Actor, model: RegisteredModel, file: BinaryIO, terms: versions.Terms, file_name: str
) -> ModelVersion:
    """With the signature's features; where these do not fit, with those that the file tells."""
    given = {"actor": actor, "name": model.public_id, "stream": file, "file_name": file_name}
    file.seek(0)
    try:
        return versions.publish_version(terms=terms, **given)  # type: ignore[arg-type]  # of one mapping
    except Invalid as error:
        if not error.fields or terms.feature_schema is None:
            raise
    file.seek(0)
    own = versions.Terms(
        label=terms.label,
        lineage=terms.lineage,
        origin=terms.origin,
        description=terms.description,
        tags=terms.tags,
    )
    return versions.publish_version(terms=own, **given)  # type: ignore[arg-type]  # as above


def _model(actor: Actor, follow: Follow) -> RegisteredModel:
    try:
        return models.model_at(follow.name)
    except NotFound:
        return registry.register_model(actor=actor, name=follow.name)


def _terms(
    source: MlflowSource, model: RegisteredModel, found: RemoteVersion, chosen: reading.Chosen
) -> versions.Terms:
    run_id = found.run_id or chosen.run_id
    told = dict(list((found.tags or {}).items())[: names.MOST_TAGS])
    return versions.Terms(
        label=_label(model, found),
        feature_schema=chosen.schema,
        lineage=_kept(names.check_lineage, {"run_id": run_id} if run_id else {}),
        origin={"source": source.public_id, "model": found.model, "version": found.number},
        description=_description(found),
        tags=_kept(names.check_tags, told),
    )


def _description(found: RemoteVersion) -> str:
    """Theirs, unless it is none that we may keep."""
    try:
        return names.check_text("description", found.description[: names.LONGEST_TEXT])
    except Invalid:
        return ""


def _label(model: RegisteredModel, found: RemoteVersion) -> str:
    """What they call it where we can, else their number; else ours."""
    taken = set(ModelVersion.objects.filter(model=model).values_list("label", flat=True))
    for label in ((found.tags or {}).get(LABEL, ""), f"mlflow-{found.number}"):
        is_ours = not label or label in taken or label.isdecimal()
        if not is_ours and _is_good(label):
            return label
    return ""


def _is_good(label: str) -> bool:
    try:
        names.check_version_label(label, 0)
    except Invalid:
        return False
    return True


def _kept(check: Callable[[Any], dict[str, str]], told: dict[str, str]) -> dict[str, str]:
    """What of theirs we may keep: one bad tag must not keep a model out."""
    good: dict[str, str] = {}
    for key, value in told.items():
        try:
            good |= check({key: value})
        except Invalid:
            continue
    return good


def _move(run: _Run, follow: Follow, version: ModelVersion, number: str) -> dict[str, Any]:
    if version.status == VersionStatus.CHECKING:
        return {"state": FollowState.CHECKING.value}
    if _is_there(follow, version):
        return {"state": FollowState.CURRENT.value}
    former = run.former.get(follow.place, {})
    if former.get("approval_id") and former.get("remote_version") == number and not run.is_asked:
        # Asked already: whatever people say, it is not asked again and again.
        return {"state": FollowState.WAITING.value, "approval_id": former["approval_id"]}
    try:
        approval_id = _moved(run.actor, follow, version)
    except AlreadyPending as error:
        return {"state": FollowState.WAITING.value, "message": error.message[:LONGEST]}
    state = FollowState.MOVED if approval_id is None else FollowState.WAITING
    return {"state": state.value, "approval_id": approval_id}


def _is_there(follow: Follow, version: ModelVersion) -> bool:
    if follow.stage:
        return bool(version.stage == follow.stage)
    return ModelAlias.objects.filter(name=follow.alias, version=version).exists()


def _moved(actor: Actor, follow: Follow, version: ModelVersion) -> str | None:
    name, tag = version.model.public_id, version.public_id
    if follow.alias:
        return aliases.set_alias(actor=actor, name=name, alias=follow.alias, tag=tag).approval_id
    return stages.set_stage(actor=actor, name=name, tag=tag, stage=Stage(follow.stage)).approval_id


def _record(
    actor: Actor | None, source: MlflowSource, outcomes: list[dict[str, Any]], error: str
) -> dict[str, Any]:
    """Keep how it went; a fact only where it went otherwise than last time."""
    with transaction.atomic():
        try:
            row = hold(source)
        except NotFound:  # removed while it was followed
            return {"outcomes": outcomes, "error": error}
        before = {"outcomes": row.outcomes, "error": row.sync_error}
        after = {"outcomes": outcomes, "error": error[:LONGEST]}
        row.outcomes, row.sync_error, row.synced_at = outcomes, error[:LONGEST], timezone.now()
        row.save(update_fields=["outcomes", "sync_error", "synced_at"])
        if after != before:
            publish(actor, topics.SOURCE_SYNCED, row, before=before, after=after)
    return after


def _client(source: MlflowSource) -> Client:
    return Client(source.url, SourceAuth(source.auth), source.username, source.credential)


def _follow(document: Mapping[str, str]) -> Follow:
    return Follow(
        document["model"], document.get("alias", ""), document.get("stage", ""), document["as"]
    )
