"""Whether a feature schema fits an artefact: the inputs it has, their order and number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.core.errors import Invalid
from apps.models.domain import scorecards
from apps.models.domain.formats.description import Description
from apps.models.domain.schema import Schema
from apps.models.enums import Format


def fit(found: Description, given: Schema | None, document: Mapping[str, Any] | None) -> Schema:
    """The schema of the version. `document` is a scorecard's own. Raises `Invalid`."""
    schema = given or found.schema
    if schema is None:
        raise Invalid.field(
            "feature_schema", "is required: the file does not say what its inputs are", "required"
        )
    if found.format is Format.SCORECARD:
        scorecards.bind(scorecards.read_scorecard(document), schema)
    elif found.format is not Format.REMOTE and found.schema is not None:
        _compare(found, schema)
    return schema


def _compare(found: Description, schema: Schema) -> None:
    assert found.schema is not None
    if len(schema) != len(found.schema):
        text = f"must have {len(found.schema)} features, as the file has inputs"
        raise Invalid.field("feature_schema", text, "length")
    if found.format is Format.ONNX and len(found.details["inputs"]) == 1 and len(schema) > 1:
        return  # one row of numbers: features are known by their place
    has_names = found.details.get("has_names", found.format in (Format.ONNX, Format.LIGHTGBM))
    if not has_names:
        return
    missing = [name for name in found.schema if name not in schema]
    if missing:
        raise Invalid.field(
            f"feature_schema.{missing[0]}", "is missing: the file has an input for it", "required"
        )
