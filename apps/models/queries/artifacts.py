"""The bytes of a version, believed only when they are still those that were registered."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from apps.core.actor import Actor
from apps.core.files import files
from apps.models.enums import VersionStatus
from apps.models.errors import ArtifactChanged, NotReady
from apps.models.models import ModelVersion
from apps.models.queries import registry

PURPOSE = "model"
PIECE = 1024 * 1024


def version_with_bytes(*, actor: Actor, name: str, tag: str) -> ModelVersion:
    """For who wants the file itself. Raises `NotFound`, and `NotReady` for one that was refused: its bytes are gone."""
    found = registry.version(actor=actor, name=name, tag=tag)
    if found.status == VersionStatus.REFUSED:
        raise NotReady("This version was refused, and its file is gone.")
    return found


def open_artifact(version: ModelVersion) -> BinaryIO:
    """The artefact at its beginning, to be read and closed. Its digest was compared just now.

    Raises `ArtifactChanged` for a single flipped bit, `Unavailable` when it cannot be reached. Costs a pass over the
    file (about 1.5 GB a second): for loading a model, not for each call of it.
    """
    file = files.open(version.file)
    try:
        found, size = hashlib.sha256(), 0
        while piece := file.read(PIECE):
            found.update(piece)
            size += len(piece)
        if found.hexdigest() != version.digest or size != version.size:
            raise ArtifactChanged
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
