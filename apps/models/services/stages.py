"""Moving versions: the stage a version is in, and the aliases that name one. One version of a model is in production."""

from __future__ import annotations

from apps.core.actor import Actor
from apps.core.errors import NotFound
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
SERVING = frozenset({Stage.STAGING, Stage.PRODUCTION})


def set_stage(
    *,
    actor: Actor,
    name: str,
    tag: str,
    stage: Stage,
    expected_revision: int | None = None,
) -> ModelVersion:
    """Promoting to production archives the version that was there, in the same transaction.

    Raises `NotFound`, `PermissionDenied`, `Stale`, `NotReady`, `Conflict` while a rollout moves the model.
    """
    require(actor, ModelsPermission.MANAGE)
    with deed():
        model = hold(queries.model_at(name))
        version = hold(queries.version_at(model, tag), expected_revision)
        refuse_managed(model)
        place(actor=actor, version=version, stage=stage)
    return queries.whole_versions().get(pk=version.pk)


def place(*, actor: Actor, version: ModelVersion, stage: Stage) -> None:
    """Within a deed that holds the model: whoever calls has judged that it may be done."""
    if stage in SERVING and version.status != VersionStatus.READY:
        raise NotReady
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


def _move(actor: Actor, version: ModelVersion, stage: Stage) -> None:
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
