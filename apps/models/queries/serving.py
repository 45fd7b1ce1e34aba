"""What predictions load: the table of an organization's models, and one version with its bytes."""

from __future__ import annotations

from collections import defaultdict
from typing import BinaryIO

from apps.core.errors import NotFound
from apps.models.domain.background import usual_row
from apps.models.domain.columns import ColumnChecker
from apps.models.domain.formats.description import read_description
from apps.models.domain.schema import compile_schema
from apps.models.domain.scoring import Blueprint
from apps.models.domain.tables import ModelTable, ModelView, VersionView
from apps.models.enums import Stage, VersionStatus
from apps.models.models import ModelAlias, ModelVersion, RegisteredModel
from apps.models.queries.artifacts import open_artifact

Tags = dict[str, int]


def load_table(organization_id: int) -> ModelTable:
    """Three statements, however many models there are."""
    tags: defaultdict[int, Tags] = defaultdict(dict)
    ready = ModelVersion.objects.filter(status=VersionStatus.READY).order_by("model", "number")
    rows = ready.values_list("model", "pk", "public_id", "number", "label", "stage")
    labels: defaultdict[int, Tags] = defaultdict(dict)
    for model, key, public_id, number, label, stage in rows:
        known = tags[model]
        known[str(number)] = known[public_id] = known["latest"] = key
        labels[model][label] = key
        if stage in (Stage.PRODUCTION, Stage.STAGING):
            known[stage.lower()] = key
    for model, key, name in ModelAlias.objects.values_list("model", "version", "name"):
        tags[model][f"@{name}"] = key
    models: dict[str, ModelView] = {}
    for key, public_id, name, share in RegisteredModel.objects.values_list(
        "pk", "public_id", "name", "log_share"
    ):
        # What a version is called goes before what number another has.
        view = ModelView(key, public_id, name, share, tags[key] | labels[key], tuple(labels[key]))
        models[name] = models[public_id] = view
    return ModelTable(models)


def load_version(key: int) -> VersionView:
    """Raises `NotFound` for one that was removed meanwhile."""
    version = _at(key)
    schema = version.feature_schema
    background = tuple(tuple(row) for row in version.background)
    blueprint = Blueprint(
        read_description(version.described),
        schema,
        background or (usual_row(schema, version.input_example),),
    )
    checker = compile_schema(schema)
    return VersionView(
        key=version.pk,
        public_id=version.public_id,
        model_key=version.model_id,
        model=version.model.name,
        label=version.label,
        number=version.number,
        digest=version.digest,
        size=version.size,
        blueprint=blueprint,
        checker=checker,
        columns=ColumnChecker(schema, checker),
    )


def open_version(key: int) -> BinaryIO:
    """Its bytes, just compared with their digest; to be read and closed. Raises `NotFound`, `ArtifactChanged`."""
    return open_artifact(_at(key))


def _at(key: int) -> ModelVersion:
    found = ModelVersion.objects.select_related("model", "file").filter(pk=key).first()
    if found is None or found.status != VersionStatus.READY:
        raise NotFound
    return found
