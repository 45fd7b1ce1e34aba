"""Publishing versions: an artefact kept, opened in a limited child, described, and only then made a version.

No transaction is open while bytes are taken or opened. What is refused leaves nothing behind. A large one is made a
version first and opened by a worker (`checking`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from apps.core.actor import Actor
from apps.core.files import files
from apps.core.models import StoredFile
from apps.core.permissions import require
from apps.models import topics
from apps.models.domain import names
from apps.models.domain.formats.sniffing import HEAD, sniff
from apps.models.domain.schema import Schema, read_schema
from apps.models.enums import Format, Stage, VersionStatus
from apps.models.errors import AliasInUse, InProduction
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry as queries
from apps.models.queries.artifacts import PURPOSE
from apps.models.services import asking, checking, examining
from apps.models.services.announcing import deed, hold, refuse_managed, refuse_more, tell, touch

if TYPE_CHECKING:
    from apps.jobs.models import Job

MOST_VERSIONS = 10_000
MOST_BYTES = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Terms:
    """What is said of a version beside its bytes. All of it is optional; it is checked before a byte is kept."""

    label: str = ""
    feature_schema: Mapping[str, Any] | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    input_example: Mapping[str, Any] | None = None
    background: Sequence[Any] = ()
    """Rows that explanations are told against."""
    lineage: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    """Where it was imported from; ours to say, no caller's."""
    description: str = ""
    tags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Published:
    """The version; with a `job` it is not opened yet."""

    version: ModelVersion
    job: Job | None = None


def publish_version(
    *, actor: Actor, name: str, stream: BinaryIO, terms: Terms | None = None, file_name: str = ""
) -> ModelVersion:
    """The same, for those who look at the version's status."""
    return publish(actor=actor, name=name, stream=stream, terms=terms, file_name=file_name).version


def publish(
    *, actor: Actor, name: str, stream: BinaryIO, terms: Terms | None = None, file_name: str = ""
) -> Published:
    """Keep the artefact that the stream holds as the model's next version, ready to serve; a large one is still to be
    opened.

    Raises `NotFound`, `PermissionDenied`, `Invalid`, `UnsafeArtifact`, `BrokenArtifact`, `RuntimeMissing`, `TimedOut`,
    `TooLarge`, `NoRoom`, and `NameTaken` for a label that another version has.
    """
    require(actor, ModelsPermission.MANAGE)
    model = queries.seen_model(actor, name)
    said = terms or Terms()
    given = _check(said)
    looks_like = sniff(stream.read(HEAD))
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
        if stored.size > checking.LARGE_BYTES:
            return _add(actor, model, said, stored, _unopened(looks_like, given, said))
        examined = examining.examine(
            lambda: files.open(stored),
            given=given,
            example=said.input_example,
            background=said.background,
        )
        return _add(actor, model, said, stored, examined.columns())
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
        model = queries.seen_model(actor, name)
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
        asking.hold_waiting(queries.seen_model(actor, name))
        model = hold(queries.seen_model(actor, name))
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
    examining.check_background_shape(list(terms.background))
    if terms.feature_schema is None:
        return None
    schema = read_schema(terms.feature_schema)
    examining.check_example(terms.input_example, schema)
    examining.check_background(terms.background, schema)
    return schema


def _unopened(looks_like: Format, given: Schema | None, terms: Terms) -> dict[str, Any]:
    """What stands there until it was opened: the format that its first bytes speak of, and what was given."""
    return {
        "status": VersionStatus.CHECKING,
        "format": looks_like,
        "features": [[name, spec] for name, spec in (given or {}).items()],
        "background": list(terms.background),
    }


def _add(
    actor: Actor,
    model: RegisteredModel,
    terms: Terms,
    stored: StoredFile,
    columns: Mapping[str, Any],
) -> Published:
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
            file=stored,
            digest=stored.digest,
            size=stored.size,
            input_example=None if terms.input_example is None else dict(terms.input_example),
            metrics=dict(terms.metrics),
            lineage=dict(terms.lineage),
            origin=dict(terms.origin),
            description=terms.description,
            tags=dict(terms.tags),
            created_by_id=actor.user_id,
            **columns,
        )
        is_unopened = version.status == VersionStatus.CHECKING
        job = checking.begin_check(actor, version) if is_unopened else None
        tell(actor=actor, topic=topics.VERSION_CREATED, row=version, after=values(version))
    return Published(queries.whole_versions().get(pk=version.pk), job)
