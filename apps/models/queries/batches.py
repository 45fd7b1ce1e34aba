"""What a file of rows is to be scored by, and the file itself."""

from __future__ import annotations

from typing import Final

from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.files import files
from apps.core.models import StoredFile
from apps.models.enums import Stage, VersionStatus
from apps.models.errors import NoProductionVersion, NotReady
from apps.models.models import ModelVersion
from apps.models.queries import registry

PURPOSE: Final = "models.batch"


def version_for(*, actor: Actor, name: str, tag: str | None) -> ModelVersion:
    """The version that would answer now. Raises `NotFound`, `NoProductionVersion`, `NotReady`."""
    model = registry.model_at(name)
    allowed = actor.identity.models
    if allowed is not None and model.name not in allowed:
        raise NotFound
    try:
        version = registry.version_at(model, tag or Stage.PRODUCTION)
    except NotFound:
        if tag is None:
            raise NoProductionVersion(model.name) from None
        raise NotFound(
            f"{model.name} has no version of this name.", code="version_not_found"
        ) from None
    if version.status != VersionStatus.READY:
        raise NotReady
    return version


def uploaded_file(*, actor: Actor, file_id: str) -> StoredFile:
    """A file of rows that this actor sent. Raises `NotFound`."""
    return files.find(file_id=file_id, purpose=PURPOSE, subject=actor.principal)
