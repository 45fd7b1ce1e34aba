"""Aliases: names of versions that move. Under a policy of promotions they move off production only when people agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.core.actor import Actor
from apps.core.errors import Conflict, NotFound
from apps.core.permissions import require
from apps.models import topics
from apps.models.domain import names
from apps.models.enums import Stage
from apps.models.models import ModelAlias, ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries
from apps.models.services import asking
from apps.models.services.announcing import deed, hold, refuse_managed, refuse_more, tell, touch
from apps.models.services.stages import refuse_unready

MOST_ALIASES = 50


@dataclass(frozen=True, slots=True)
class Aliased:
    """The model as it is now; with an `approval_id` it waits for people to agree and nothing has moved yet."""

    model: RegisteredModel
    version: ModelVersion
    approval_id: str | None = None


def set_alias(
    *, actor: Actor, name: str, alias: str, tag: str, expected_revision: int | None = None
) -> Aliased:
    """Let the alias name this version from now on, unless a policy of approvals asks that people agree first.

    What is in production has been agreed to already. Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`,
    `NotReady`, `TooMany`, and `AlreadyPending` while something waits on this model.
    """
    require(actor, ModelsPermission.MANAGE)
    checked = names.check_alias(alias)
    with deed():
        model = hold(queries.seen_model(actor, name), expected_revision)
        refuse_managed(model)
        version = queries.chosen_version(model, tag)
        refuse_unready(version)
        _refuse_more(model, checked)
        former = _named(model, checked)
        approval_id = None
        if version.stage != Stage.PRODUCTION and version != former:
            approval_id = asking.ask_alias(actor, version, checked, former=former)
        if approval_id is None:
            _point(actor, model, checked, version)
    return Aliased(queries.whole_models().get(pk=model.pk), version, approval_id)


def carry_out(*, actor: Actor | None, payload: Mapping[str, Any]) -> None:
    """The move that was asked for, now that it is approved; within the transaction of the decision.

    Raises `NotFound` when the version is gone, `NotReady`, `TooMany`, and `Conflict` when the alias moved meanwhile.
    """
    row = ModelVersion.objects.filter(public_id=str(payload["version"])).first()
    if row is None:
        raise NotFound
    model = hold(row.model)
    version, alias = hold(row), str(payload["alias"])
    refuse_managed(model)
    refuse_unready(version)
    _refuse_more(model, alias)
    former = _named(model, alias)
    if (former.public_id if former else None) != payload["former"]:
        raise Conflict("The alias was moved since this was asked.", code="moved")
    _point(actor, model, alias, version)


def remove_alias(
    *, actor: Actor, name: str, alias: str, expected_revision: int | None = None
) -> RegisteredModel:
    """Raises `NotFound`, `PermissionDenied`, `Stale`."""
    require(actor, ModelsPermission.MANAGE)
    with deed():
        model = hold(queries.seen_model(actor, name), expected_revision)
        refuse_managed(model)
        found = [row for row in ModelAlias.objects.filter(model=model) if row.name == alias]
        if not found:
            raise NotFound
        before = _aliases(model)
        found[0].delete()
        _changed(actor, topics.ALIAS_REMOVED, model, before)
    return queries.whole_models().get(pk=model.pk)


def _refuse_more(model: RegisteredModel, alias: str) -> None:
    others = ModelAlias.objects.filter(model=model).exclude(name=alias).count()
    refuse_more(others, MOST_ALIASES, "aliases of a model")


def _named(model: RegisteredModel, alias: str) -> ModelVersion | None:
    row = ModelAlias.objects.filter(model=model, name=alias).select_related("version").first()
    return None if row is None else row.version


def _point(actor: Actor | None, model: RegisteredModel, alias: str, version: ModelVersion) -> None:
    before = _aliases(model)
    ModelAlias.objects.update_or_create(
        model=model,
        name=alias,
        defaults={"version": version},
        create_defaults={"version": version, "organization_id": model.organization_id},
    )
    _changed(actor, topics.ALIAS_SET, model, before)


def _aliases(model: RegisteredModel) -> dict[str, str]:
    rows = ModelAlias.objects.filter(model=model).select_related("version")
    return {row.name: row.version.label for row in rows}


def _changed(
    actor: Actor | None, topic: str, model: RegisteredModel, before: dict[str, str]
) -> None:
    touch(model)
    after = {"aliases": _aliases(model)}
    tell(actor=actor, topic=topic, row=model, before={"aliases": before}, after=after)
