"""Directories that MLflow's clients upload, file by file, to make a version of: kept for a day.

A directory has no row of its own: each file knows its directory by the digest of its path.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.files import files
from apps.core.models import StoredFile
from apps.core.permissions import require
from apps.models.domain.mlflow import reading
from apps.models.errors import UnsafeArtifact
from apps.models.models import ModelVersion
from apps.models.permissions import ModelsPermission
from apps.models.services import versions

PURPOSE = "mlflow"
KEPT = timedelta(days=1)
MOST_FILES = 500
"""Of one organization at a time."""


def keep_upload(*, actor: Actor, path: str, stream: BinaryIO) -> None:
    """One file, by its path. Raises `PermissionDenied`, `Invalid`, `TooLarge`, `NoRoom`."""
    require(actor, ModelsPermission.MANAGE)
    place, name = _split(path)
    standing = StoredFile.objects.filter(purpose=PURPOSE)
    if standing.count() >= MOST_FILES:
        raise Invalid.field("path", f"there may be {MOST_FILES} uploaded files at a time", "length")
    former = list(standing.filter(subject=place, name=name))
    files.store(
        stream,
        organization_id=actor.organization_id,
        purpose=PURPOSE,
        subject=place,
        name=name,
        limit=versions.MOST_BYTES,
        content_type="application/octet-stream",
        keep=KEPT,
    )
    for file in former:
        files.delete(file)


def uploaded(*, actor: Actor, path: str) -> list[StoredFile]:
    """The files of a directory, by name."""
    require(actor, ModelsPermission.MANAGE)
    return list(_files(path).order_by("name"))


def publish_upload(
    *, actor: Actor, name: str, path: str, run_id: str, said: dict[str, Any]
) -> ModelVersion:
    """A version of the model file that the directory's `MLmodel` names; what was uploaded is let go of.

    Raises `Invalid` where there is no such directory, and what `publish_version` does.
    """
    require(actor, ModelsPermission.MANAGE)
    found = {file.name: file for file in _files(path)}
    if reading.MLMODEL not in found:
        raise Invalid.field("source", "names no uploaded directory with an MLmodel", "unknown")
    with files.open(found[reading.MLMODEL]) as file:
        chosen = reading.choose(file.read(reading.MOST_BYTES + 1))
    artifact = found.get(chosen.file)
    if artifact is None:
        raise Invalid.field("source", f"lacks {chosen.file}, which its MLmodel names", "required")
    lineage = {"run_id": run_id or chosen.run_id} if run_id or chosen.run_id else {}
    terms = versions.Terms(feature_schema=chosen.schema, lineage=lineage, **said)
    with files.open(artifact) as stream:
        made = versions.publish_version(
            actor=actor, name=name, stream=stream, terms=terms, file_name=chosen.file
        )
    for each in found.values():
        files.delete(each)
    return made


def _files(path: str) -> QuerySet[StoredFile]:
    """Checked as a path of a file would be."""
    place, _ = _split(f"{path.strip('/')}/{reading.MLMODEL}")
    return StoredFile.objects.filter(purpose=PURPOSE, subject=place, expires_at__gt=Now())


def _split(path: str) -> tuple[str, str]:
    """The directory's digest, and the file's name. Raises `Invalid`."""
    try:
        found = PurePosixPath(reading.check_path(path))
    except UnsafeArtifact:
        raise Invalid.field("path", "is no path within the uploads", "path") from None
    if len(found.parts) < 2 or found.parts[0] == "models":
        raise Invalid.field("path", "must lie in a directory, and not in models/", "path")
    digest = hashlib.sha256(str(found.parent).encode()).hexdigest()
    return digest, found.name
