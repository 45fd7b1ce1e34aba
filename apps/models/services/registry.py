"""Registering models, describing them, removing them. Versions are `versions`' matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.files import files
from apps.core.ids import is_id
from apps.core.permissions import require
from apps.models import topics
from apps.models.domain import names
from apps.models.enums import Stage
from apps.models.errors import InProduction
from apps.models.models import RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries
from apps.models.services import asking
from apps.models.services.announcing import deed, hold, refuse_managed, refuse_more, tell, touch

MOST_MODELS = 1000


def register_model(
    *,
    actor: Actor,
    name: str,
    description: str = "",
    tags: Mapping[str, Any] | None = None,
) -> RegisteredModel:
    """Raises `PermissionDenied`, `Invalid`, `NameTaken`, `TooMany`."""
    require(actor, ModelsPermission.MANAGE)
    checked = names.check_model_name(name)
    if is_id(checked, "model"):
        raise Invalid.field("name", "reads as an id", "name")
    with deed():
        refuse_more(RegisteredModel.objects.count(), MOST_MODELS, "models")
        model = RegisteredModel.objects.create(
            organization_id=actor.organization_id,
            name=checked,
            description=names.check_text("description", description),
            tags=names.check_tags(tags or {}),
            owner_id=actor.user_id,
        )
        tell(actor=actor, topic=topics.MODEL_CREATED, row=model, after=values(model))
    return queries.whole_models().get(pk=model.pk)


def change_model(
    *,
    actor: Actor,
    name: str,
    description: str | None = None,
    tags: Mapping[str, Any] | None = None,
    log_share: float | None = None,
    expected_revision: int | None = None,
) -> RegisteredModel:
    """What is None stays. Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`."""
    require(actor, ModelsPermission.MANAGE)
    with deed():
        model = hold(queries.seen_model(actor, name), expected_revision)
        before = values(model)
        if description is not None:
            model.description = names.check_text("description", description)
        if tags is not None:
            model.tags = names.check_tags(tags)
        if log_share is not None:
            model.log_share = names.check_share("log_share", log_share)
        touch(model)
        tell(actor=actor, topic=topics.MODEL_CHANGED, row=model, before=before, after=values(model))
    return queries.whole_models().get(pk=model.pk)


def rename_model(
    *, actor: Actor, name: str, new_name: str, expected_revision: int | None = None
) -> RegisteredModel:
    """Callers that know the old name no longer find it. Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`,
    `NameTaken`, and `Conflict` while a rollout moves the model.
    """
    require(actor, ModelsPermission.MANAGE)
    checked = names.check_model_name(new_name)
    if is_id(checked, "model"):
        raise Invalid.field("name", "reads as an id", "name")
    with deed():
        model = hold(queries.seen_model(actor, name), expected_revision)
        refuse_managed(model)
        before = values(model)
        model.name = checked
        touch(model)
        tell(actor=actor, topic=topics.MODEL_CHANGED, row=model, before=before, after=values(model))
    return queries.whole_models().get(pk=model.pk)


def remove_model(*, actor: Actor, name: str, expected_revision: int | None = None) -> None:
    """With all its versions. Raises `NotFound`, `PermissionDenied`, `Stale`, and `InProduction` while one serves."""
    require(actor, ModelsPermission.MANAGE)
    with deed():
        asking.hold_waiting(queries.seen_model(actor, name))
        model = hold(queries.seen_model(actor, name), expected_revision)
        refuse_managed(model)
        kept = list(model.versions.select_related("file"))
        if any(version.stage == Stage.PRODUCTION for version in kept):
            raise InProduction
        asking.void(actor, model, reason="The model was removed.")
        before = values(model)
        tell(actor=actor, topic=topics.MODEL_REMOVED, row=model, before=before)
        model.delete()
        for version in kept:
            files.delete(version.file)


def values(model: RegisteredModel) -> dict[str, Any]:
    """What the trail keeps."""
    return {
        "name": model.name,
        "description": model.description,
        "tags": model.tags,
        "log_share": model.log_share,
    }
