"""Reading models, versions and aliases, for people and doors. What a prediction loads stands in `serving`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery

from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound
from apps.core.ids import is_id
from apps.core.permissions import require
from apps.core.text import is_misleading
from apps.models.enums import Stage
from apps.models.models import ModelAlias, ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries.totals import Totals, totals

LATEST: Final = "latest"
SHOWN_VERSIONS = 100
"""Of each model where all models are listed with their versions."""
LONGEST = 100
_STAGES: Final = {stage.value.lower(): stage for stage in (Stage.PRODUCTION, Stage.STAGING)}


@dataclass(frozen=True, slots=True)
class Detail:
    model: RegisteredModel
    serving: ModelVersion | None
    totals: Totals

    @property
    def revision(self) -> int:
        return self.model.revision

    @property
    def feature_schema(self) -> dict[str, Any]:
        return {} if self.serving is None else self.serving.feature_schema


def models(*, actor: Actor) -> QuerySet[RegisteredModel]:
    """By name; each with its `current` and `newest` version's label, its count of versions, and its aliases."""
    require(actor, ModelsPermission.VIEW)
    bound = actor.identity.models
    return whole_models() if bound is None else whole_models().filter(name__in=bound)


def models_with_versions(*, actor: Actor) -> QuerySet[RegisteredModel]:
    """The same, each with its newest versions in `newest_versions`."""
    newest = ModelVersion.objects.order_by("-number")[:SHOWN_VERSIONS]
    return models(actor=actor).prefetch_related(
        Prefetch("versions", queryset=newest, to_attr="newest_versions")
    )


def model(*, actor: Actor, name: str) -> RegisteredModel:
    """By name, or by id."""
    return _one(models(actor=actor), name)


def versions(*, actor: Actor, name: str) -> QuerySet[ModelVersion]:
    """Newest first, each with its model, its maker and its aliases."""
    require(actor, ModelsPermission.VIEW)
    return whole_versions().filter(model=seen_model(actor, name))


def version(*, actor: Actor, name: str, tag: str) -> ModelVersion:
    """By its label, its number, `@alias`, `latest`, `production` or `staging`."""
    require(actor, ModelsPermission.VIEW)
    return version_at(seen_model(actor, name), tag)


def detail(*, actor: Actor, name: str) -> Detail:
    """A model with the version that serves: the one in production, else the newest."""
    found = model(actor=actor, name=name)
    rows = whole_versions().filter(model=found)
    serving = rows.filter(stage=Stage.PRODUCTION).first() or rows.first()
    return Detail(found, serving, totals(found.pk))


def comparison(*, actor: Actor, name: str, tags: tuple[str, str]) -> dict[str, Any]:
    """Two versions side by side: their metrics, features and lineage, each as `{name: [first, second]}`."""
    pair = [version(actor=actor, name=name, tag=tag) for tag in tags]
    return {
        "versions": [each.label for each in pair],
        "metrics": _beside([each.metrics for each in pair]),
        "features": _beside([each.feature_schema for each in pair]),
        "lineage": _beside([each.lineage for each in pair]),
        "about": _beside(
            [{"format": each.format, "stage": each.stage, "size": each.size} for each in pair]
        ),
    }


def seen_model(actor: Actor, name: str) -> RegisteredModel:
    """By name or id; one that the actor's key is not for is not there. Raises `NotFound`."""
    bound = actor.identity.models
    found = model_at(name)
    if bound is not None and found.name not in bound:
        raise NotFound
    return found


def model_at(name: str) -> RegisteredModel:
    return _one(RegisteredModel.objects.all(), name)


def version_at(model: RegisteredModel, tag: str) -> ModelVersion:
    """Raises `NotFound`."""
    found = _found(whole_versions().filter(model=model), model, tag)
    if found is None:
        raise NotFound
    return found


def chosen_version(model: RegisteredModel, tag: str, *, field: str = "version") -> ModelVersion:
    """The same where a body names it. Raises `Invalid`."""
    try:
        return version_at(model, tag)
    except NotFound:
        raise Invalid.field(field, "is no version of this model", "unknown") from None


def whole_models() -> QuerySet[RegisteredModel]:
    rows = ModelVersion.objects.filter(model=OuterRef("pk"))
    current = rows.filter(stage=Stage.PRODUCTION).values("label")[:1]
    newest = rows.order_by("-number").values("label")[:1]
    return (
        RegisteredModel.objects.annotate(
            current=Subquery(current), newest=Subquery(newest), count=Count("versions")
        )
        .select_related("owner")
        .prefetch_related(
            Prefetch("aliases", queryset=ModelAlias.objects.select_related("version"))
        )
        .order_by("name")
    )


def whole_versions() -> QuerySet[ModelVersion]:
    return (
        ModelVersion.objects.select_related("model", "created_by", "file")
        .prefetch_related("aliases")
        .order_by("-number")
    )


def _found(rows: QuerySet[ModelVersion], model: RegisteredModel, tag: str) -> ModelVersion | None:
    if not tag or len(tag) > LONGEST or is_misleading(tag):
        return None
    if tag.startswith("@"):
        alias = ModelAlias.objects.filter(model=model, name=tag[1:])
        return rows.filter(pk__in=alias.values("version")).first()
    if is_id(tag, "mver"):
        return rows.filter(public_id=tag).first()
    if tag.lower() == LATEST:
        return rows.first()
    if tag.lower() in _STAGES:
        return rows.filter(stage=_STAGES[tag.lower()]).first()
    labelled = rows.filter(label=tag).first()
    if labelled is not None and labelled.label == tag:
        return labelled
    if tag.isascii() and tag.isdecimal() and len(tag) < 10:
        return rows.filter(number=int(tag)).first()
    return None


def _one(rows: QuerySet[RegisteredModel], name: str) -> RegisteredModel:
    if is_id(name, "model"):
        found = rows.filter(public_id=name).first()
    elif len(name) > LONGEST or is_misleading(name):
        found = None
    else:
        found = rows.filter(name=name).first()
    if found is None:
        raise NotFound
    return found


def _beside(values: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for each in values for name in each)
    return {name: [each.get(name) for each in values] for name in names}
