"""Moving versions: the stage a version is in, and the aliases that name one. One version of a model is in production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.approvals.services import requests
from apps.core.actor import Actor
from apps.core.errors import Conflict, NotFound
from apps.core.permissions import require
from apps.models import topics
from apps.models.domain import names
from apps.models.enums import Stage, VersionStatus
from apps.models.errors import NotReady
from apps.models.models import ModelAlias, ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries
from apps.models.services.announcing import deed, hold, refuse_managed, refuse_more, tell, touch

MOST_ALIASES = 50
MOST_EVIDENCE = 20
PROMOTION: Final = "model.promotion"
"""What policies of approvals call it."""
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
        model = hold(queries.model_at(name))
        version = hold(queries.version_at(model, tag), expected_revision)
        refuse_managed(model)
        approval_id = None
        if stage is Stage.PRODUCTION and version.stage != stage:
            refuse_unready(version)
            approval_id = _ask(actor, model, version)
        if approval_id is None:
            place(actor=actor, version=version, stage=stage)
    return Moved(queries.whole_versions().get(pk=version.pk), approval_id)


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


def set_alias(
    *, actor: Actor, name: str, alias: str, tag: str, expected_revision: int | None = None
) -> RegisteredModel:
    """Let the alias name this version from now on. Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`, `NotReady`."""
    require(actor, ModelsPermission.MANAGE)
    checked = names.check_alias(alias)
    with deed():
        model = hold(queries.model_at(name), expected_revision)
        refuse_managed(model)
        version = queries.chosen_version(model, tag)
        if version.status != VersionStatus.READY:
            raise NotReady
        before = _aliases(model)
        others = model.aliases.exclude(name=checked).count()
        refuse_more(others, MOST_ALIASES, "aliases of a model")
        ModelAlias.objects.update_or_create(
            model=model,
            name=checked,
            defaults={"version": version},
            create_defaults={"version": version, "organization_id": model.organization_id},
        )
        _changed(actor, topics.ALIAS_SET, model, before)
    return queries.whole_models().get(pk=model.pk)


def remove_alias(
    *, actor: Actor, name: str, alias: str, expected_revision: int | None = None
) -> RegisteredModel:
    """Raises `NotFound`, `PermissionDenied`, `Stale`."""
    require(actor, ModelsPermission.MANAGE)
    with deed():
        model = hold(queries.model_at(name), expected_revision)
        refuse_managed(model)
        found = [row for row in ModelAlias.objects.filter(model=model) if row.name == alias]
        if not found:
            raise NotFound
        before = _aliases(model)
        found[0].delete()
        _changed(actor, topics.ALIAS_REMOVED, model, before)
    return queries.whole_models().get(pk=model.pk)


def _ask(actor: Actor, model: RegisteredModel, version: ModelVersion) -> str | None:
    """The id of the request, when a policy wants one."""
    former = _former(model)
    request = requests.request_approval(
        actor=actor,
        kind=PROMOTION,
        subject_id=model.public_id,
        subject_name=model.name,
        subject_url=f"/console/models/{model.public_id}",
        title=f"Promote {model.name} {version.label} to Production",
        consequence=f"Predictions of {model.name} will be made by version {version.label}.",
        changes=[
            {
                "label": "Production",
                "before": former.label if former else None,
                "after": version.label,
            }
        ],
        evidence=[
            {"claim": f"{name} is {value:g}", "value": value}
            for name, value in list(version.metrics.items())[:MOST_EVIDENCE]
        ],
        payload={"version": version.public_id, "former": former.public_id if former else None},
    )
    if request is None:
        return None
    after = {"version": version.label, "approval": request.public_id}
    tell(actor=actor, topic=topics.VERSION_REQUESTED, row=version, after=after)
    return request.public_id


def _former(model: RegisteredModel) -> ModelVersion | None:
    return ModelVersion.objects.filter(model=model, stage=Stage.PRODUCTION).first()


def _move(actor: Actor | None, version: ModelVersion, stage: Stage) -> None:
    before = {"version": version.label, "stage": version.stage}
    version.stage = stage
    touch(version)
    after = {"version": version.label, "stage": stage.value}
    tell(actor=actor, topic=topics.VERSION_STAGED, row=version, before=before, after=after)


def _aliases(model: RegisteredModel) -> dict[str, str]:
    rows = ModelAlias.objects.filter(model=model).select_related("version")
    return {row.name: row.version.label for row in rows}


def _changed(actor: Actor, topic: str, model: RegisteredModel, before: dict[str, str]) -> None:
    touch(model)
    after = {"aliases": _aliases(model)}
    tell(actor=actor, topic=topic, row=model, before={"aliases": before}, after=after)
