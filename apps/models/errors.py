"""What goes wrong in the registry, as members of the one error tree."""

from __future__ import annotations

from apps.core.errors import Conflict, Invalid, NotFound, Unavailable, Unsupported, Upstream

LONGEST = 300


class NameTaken(Conflict):
    code = "name_taken"
    message = "This name is taken."


class TooMany(Conflict):
    code = "too_many"


class InProduction(Conflict):
    """What serves is not taken away under its callers."""

    code = "in_production"
    message = "It is in production. Promote another version or archive this one first."


class AliasInUse(Conflict):
    code = "alias_in_use"


class NotReady(Conflict):
    """A version that was not opened yet, or that was refused, is not put before callers."""

    code = "version_not_ready"
    message = "This version is not ready."


class RefusedArtifact(Invalid):
    """Base of what is wrong with an artefact; `found` is what it is or holds."""

    code = "broken_artifact"

    def __init__(self, found: str) -> None:
        text = found[:LONGEST]
        super().__init__(f"The file {text}.", found=text)
        self.found = text


class UnsafeArtifact(RefusedArtifact):
    """It is of a kind that can run code, or reaches for more than its own bytes."""

    code = "unsafe_artifact"


class BrokenArtifact(RefusedArtifact):
    """It is none of the formats, or not whole."""


class RuntimeMissing(RefusedArtifact):
    """Its format is known, and what opens it is not installed here."""

    code = "runtime_missing"


class ArtifactChanged(Unavailable):
    """The bytes on the disk are no longer those that were registered."""

    code = "artifact_changed"
    message = "The stored artefact is not what was registered: its digest differs."


class BrokenFile(Invalid):
    """A file of rows of which the rest, or all of it, cannot be read."""

    code = "broken_file"


class ParquetMissing(Unsupported):
    """A Parquet file, and what reads it is not installed here."""

    code = "runtime_missing"
    message = "Parquet is read by pyarrow, which is not installed here: send CSV or JSON lines."


class UnknownModel(NotFound):
    code = "model_not_found"
    message = "There is no such model."


class NoProductionVersion(NotFound):
    """Nobody said which version, and none is in production."""

    code = "no_production_version"

    def __init__(self, model: str) -> None:
        super().__init__(f"{model} has no version in production: name one with ?version=.")


class ScoringFailed(Upstream):
    """The model took a row that fits its schema, and made no answer of it."""

    code = "model_failed"
    message = "The model could not score this."


class ModelUnavailable(Unavailable):
    """What runs the model is away: its process died, or is being started again."""

    code = "model_unavailable"
    message = "The model cannot be reached at present."
