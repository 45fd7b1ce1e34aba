"""Publishing versions: an artefact kept, opened in a limited child, described, and only then made a version.

No transaction is open while bytes are taken or opened. What is refused leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from django.conf import settings

from apps.core import json as strict_json
from apps.core.actor import Actor
from apps.core.errors import FieldError, Invalid
from apps.core.files import files
from apps.core.http_client.errors import Forbidden
from apps.core.http_client.guard import judge_url
from apps.core.models import StoredFile
from apps.core.permissions import require
from apps.models import topics
from apps.models.adapters.trial.supervisor import try_artifact
from apps.models.domain import fitting, names
from apps.models.domain.formats.description import Description
from apps.models.domain.formats.sniffing import HEAD, sniff
from apps.models.domain.schema import Schema, compile_schema, read_schema
from apps.models.enums import Format, Stage
from apps.models.errors import AliasInUse, InProduction
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries
from apps.models.queries.artifacts import PURPOSE
from apps.models.services import asking
from apps.models.services.announcing import deed, hold, refuse_managed, refuse_more, tell, touch

MOST_VERSIONS = 10_000
MOST_BYTES = 1024 * 1024 * 1024
MOST_CARD = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Terms:
    """What is said of a version beside its bytes. All of it is optional; it is checked before a byte is kept."""

    label: str = ""
    feature_schema: Mapping[str, Any] | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    input_example: Mapping[str, Any] | None = None
    lineage: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    tags: Mapping[str, Any] = field(default_factory=dict)


def publish_version(
    *, actor: Actor, name: str, stream: BinaryIO, terms: Terms | None = None, file_name: str = ""
) -> ModelVersion:
    """Keep the artefact that the stream holds as the model's next version, ready to serve.

    Raises `NotFound`, `PermissionDenied`, `Invalid`, `UnsafeArtifact`, `BrokenArtifact`, `RuntimeMissing`, `TimedOut`,
    `TooLarge`, `NoRoom`, and `NameTaken` for a label that another version has.
    """
    require(actor, ModelsPermission.MANAGE)
    model = queries.model_at(name)
    said = terms or Terms()
    given = _check(said)
    sniff(stream.read(HEAD))
    stream.seek(0)
    stored = files.store(
        stream,
        organization_id=actor.organization_id,
        purpose=PURPOSE,
        limit=MOST_BYTES,
        subject=model.public_id,
        name=file_name,
        content_type="application/octet-stream",
    )
    try:
        found = _try(stored)
        schema = _schema_of(found, stored, given)
        _check_example(said.input_example, schema)
        return _add(actor, model, said, stored, found, schema)
    except BaseException:
        files.delete(stored)
        raise


def change_version(
    *,
    actor: Actor,
    name: str,
    tag: str,
    description: str | None = None,
    tags: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    expected_revision: int | None = None,
) -> ModelVersion:
    """What is said of a version; what it is stays. Other metrics are other evidence where people are asked about it.

    Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`.
    """
    require(actor, ModelsPermission.MANAGE)
    with deed():
        model = queries.model_at(name)
        asking.hold_waiting(model)
        version = hold(queries.version_at(model, tag), expected_revision)
        before = values(version)
        if description is not None:
            version.description = names.check_text("description", description)
        if tags is not None:
            version.tags = names.check_tags(tags)
        if metrics is not None:
            version.metrics = names.check_metrics(metrics)
        touch(version)
        after = values(version)
        if after["metrics"] != before["metrics"]:
            asking.renew(actor, version)
        tell(actor=actor, topic=topics.VERSION_CHANGED, row=version, before=before, after=after)
    return queries.whole_versions().get(pk=version.pk)


def remove_version(
    *, actor: Actor, name: str, tag: str, expected_revision: int | None = None
) -> None:
    """With its artefact. Raises `NotFound`, `PermissionDenied`, `Stale`, `InProduction`, and `AliasInUse`."""
    require(actor, ModelsPermission.MANAGE)
    with deed():
        asking.hold_waiting(queries.model_at(name))
        model = hold(queries.model_at(name))
        version = hold(queries.version_at(model, tag), expected_revision)
        refuse_managed(model)
        if version.stage == Stage.PRODUCTION:
            raise InProduction
        aliases = list(version.aliases.values_list("name", flat=True))
        if aliases:
            raise AliasInUse(f"It is: {', '.join(f'@{alias}' for alias in aliases[:10])}.")
        asking.void(actor, model, version, reason=f"Version {version.label} was removed.")
        before, stored = values(version), version.file
        tell(actor=actor, topic=topics.VERSION_REMOVED, row=version, before=before)
        version.delete()
        files.delete(stored)


def values(version: ModelVersion) -> dict[str, Any]:
    """What the trail keeps."""
    return {
        "model": version.model.name,
        "version": version.label,
        "number": version.number,
        "stage": version.stage,
        "format": version.format,
        "digest": version.digest,
        "size": version.size,
        "metrics": version.metrics,
        "lineage": version.lineage,
        "description": version.description,
        "tags": version.tags,
    }


def _check(terms: Terms) -> Schema | None:
    """Everything that can be judged without the artefact; the schema as given."""
    if terms.label:
        names.check_version_label(terms.label, int(terms.label) if terms.label.isdecimal() else 0)
    names.check_metrics(terms.metrics)
    names.check_lineage(terms.lineage)
    names.check_text("description", terms.description)
    names.check_tags(terms.tags)
    return None if terms.feature_schema is None else read_schema(terms.feature_schema)


def _try(stored: StoredFile) -> Description:
    with files.open(stored) as file:
        found = try_artifact(file)
    if found.format is Format.REMOTE:
        _judge_remote(found.details["url"])
    return found


def _judge_remote(url: str) -> None:
    try:
        judge_url(url, settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS)
    except Forbidden as error:
        raise Invalid.field("file.url", str(error), "forbidden") from None


def _schema_of(found: Description, stored: StoredFile, given: Schema | None) -> Schema:
    """The given schema where it fits the artefact, else what the artefact says of itself."""
    document = None
    if found.format is Format.SCORECARD:
        with files.open(stored) as file:
            document = strict_json.parse(file.read(MOST_CARD))
    return fitting.fit(found, given, document)


def _check_example(example: Mapping[str, Any] | None, schema: Schema) -> None:
    if example is None:
        return
    try:
        compile_schema(schema).check(dict(example))
    except Invalid as error:
        fields = [
            FieldError(f"input_example.{each.field}", each.message, each.type)
            for each in error.fields
        ]
        raise Invalid(fields=fields) from None


def _add(
    actor: Actor,
    model: RegisteredModel,
    terms: Terms,
    stored: StoredFile,
    found: Description,
    schema: Schema,
) -> ModelVersion:
    with deed():
        held = hold(model)
        number = held.last_number + 1
        refuse_more(held.versions.count(), MOST_VERSIONS, "versions of a model")
        held.last_number = number
        held.save(update_fields=["last_number"])
        version = ModelVersion.objects.create(
            organization_id=held.organization_id,
            model=held,
            number=number,
            label=names.check_version_label(terms.label or str(number), number),
            format=found.format,
            task=found.task,
            file=stored,
            digest=stored.digest,
            size=stored.size,
            features=[[name, spec] for name, spec in schema.items()],
            described={**found.document(), "schema": None},
            input_example=None if terms.input_example is None else dict(terms.input_example),
            metrics=dict(terms.metrics),
            lineage=dict(terms.lineage),
            description=terms.description,
            tags=dict(terms.tags),
            created_by_id=actor.user_id,
        )
        tell(actor=actor, topic=topics.VERSION_CREATED, row=version, after=values(version))
    return queries.whole_versions().get(pk=version.pk)
