"""Moving versions: the stage a version is in. One version of a model is in production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.core.actor import Actor
from apps.core.errors import Conflict, NotFound
from apps.core.permissions import require
from apps.models import topics
from apps.models.enums import Stage, VersionStatus
from apps.models.errors import NotReady
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries
from apps.models.services import asking
from apps.models.services.announcing import deed, hold, refuse_managed, tell, touch

SERVING = frozenset({Stage.STAGING, Stage.PRODUCTION})


@dataclass(frozen=True, slots=True)
class Moved:
    """The version as it is now; with an `approval_id` it waits for people to agree and nothing has moved yet."""

    version: ModelVersion
    approval_id: str | None = None


def set_stage(
    *,
    actor: Actor,
    name: str,
    tag: str,
    stage: Stage,
    expected_revision: int | None = None,
) -> Moved:
    """Promoting to production archives the version that was there, in the same transaction, unless a policy of
    approvals asks that people agree first.

    Raises `NotFound`, `PermissionDenied`, `Stale`, `NotReady`, `Conflict` while a rollout moves the model.
    """
    require(actor, ModelsPermission.MANAGE)
    with deed():
        if stage is Stage.ARCHIVED:
            asking.hold_waiting(queries.seen_model(actor, name))
        model = hold(queries.seen_model(actor, name))
        version = hold(queries.version_at(model, tag), expected_revision)
        refuse_managed(model)
        approval_id = None
        if stage is Stage.PRODUCTION and version.stage != stage:
            refuse_unready(version)
            approval_id = asking.ask_promotion(actor, version, former=_former(model))
        if stage is Stage.ARCHIVED and version.stage != stage:
            asking.void(actor, model, version, reason=f"Version {version.label} was archived.")
        if approval_id is None:
            place(actor=actor, version=version, stage=stage)
    return Moved(queries.whole_versions().get(pk=version.pk), approval_id)


def archive_others(*, actor: Actor, name: str, version: ModelVersion) -> None:
    """Leave this version alone in its stage. Raises what `set_stage` does."""
    require(actor, ModelsPermission.MANAGE)
    rows = ModelVersion.objects.filter(model=queries.seen_model(actor, name), stage=version.stage)
    for other in rows.exclude(pk=version.pk):
        set_stage(actor=actor, name=name, tag=other.public_id, stage=Stage.ARCHIVED)


def carry_out(*, actor: Actor | None, payload: Mapping[str, Any]) -> None:
    """The promotion that was asked for, now that it is approved; within the transaction of the decision.

    Raises `NotFound` when the version is gone, and `Conflict` when another went into production meanwhile: what people
    agreed to was to replace the one they saw.
    """
    row = ModelVersion.objects.filter(public_id=str(payload["version"])).first()
    if row is None:
        raise NotFound
    model = hold(row.model)
    version = hold(row)
    refuse_managed(model)
    former = _former(model)
    if (former.public_id if former else None) != payload["former"]:
        raise Conflict("Another version went into production since this was asked.", code="moved")
    place(actor=actor, version=version, stage=Stage.PRODUCTION)


def refuse_unready(version: ModelVersion) -> None:
    if version.status != VersionStatus.READY:
        raise NotReady


def place(*, actor: Actor | None, version: ModelVersion, stage: Stage) -> None:
    """Within a deed that holds the model: whoever calls has judged that it may be done."""
    if stage in SERVING:
        refuse_unready(version)
    if stage == version.stage:
        return
    if stage is Stage.PRODUCTION:
        rows = ModelVersion.objects.select_for_update().filter(
            model_id=version.model_id, stage=Stage.PRODUCTION
        )
        for former in rows:
            _move(actor, former, Stage.ARCHIVED)
    _move(actor, version, stage)


def _former(model: RegisteredModel) -> ModelVersion | None:
    return ModelVersion.objects.filter(model=model, stage=Stage.PRODUCTION).first()


def _move(actor: Actor | None, version: ModelVersion, stage: Stage) -> None:
    before = {"version": version.label, "stage": version.stage}
    version.stage = stage
    touch(version)
    after = {"version": version.label, "stage": stage.value}
    tell(actor=actor, topic=topics.VERSION_STAGED, row=version, before=before, after=after)
