"""MLflow's signatures and our feature schemas, each as the other.

A signature's inputs are a JSON text: `[{"type": "double", "name": "tenure", "required": true}, …]`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from apps.models.domain.schema import LONGEST_NAME, MOST_FEATURES, Schema

_OURS: Final = {
    "double": "number",
    "float": "number",
    "long": "integer",
    "integer": "integer",
    "string": "string",
    "boolean": "boolean",
}
_THEIRS: Final = {"number": "double", "integer": "long", "string": "string", "boolean": "boolean"}


def signature_of(schema: Mapping[str, Mapping[str, Any]], *, all_doubles: bool = False) -> str:
    """Our schema as the text of a signature's inputs. `all_doubles` for a model whose inputs are one array of floats."""
    columns = [
        {
            "type": "double" if all_doubles and _is_number(spec) else _THEIRS[spec["type"]],
            "name": name,
            "required": bool(spec.get("required", "default" not in spec)),
        }
        for name, spec in schema.items()
    ]
    return json.dumps(columns)


def schema_of(signature: Any) -> Schema | None:
    """What a signature's columns say of features; None where it has none we can use (tensors, nested types)."""
    inputs = signature.get("inputs") if isinstance(signature, Mapping) else None
    try:
        columns = json.loads(inputs) if isinstance(inputs, str) else None
    except ValueError:
        return None
    if not isinstance(columns, list) or not 0 < len(columns) <= MOST_FEATURES:
        return None
    schema: Schema = {}
    for column in columns:
        read = _column(column)
        if read is None or read[0] in schema:
            return None
        schema[read[0]] = read[1]
    return schema


def _column(column: Any) -> tuple[str, dict[str, Any]] | None:
    if not isinstance(column, Mapping):
        return None
    name, kind = column.get("name"), _OURS.get(str(column.get("type")))
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or kind is None:
        return None
    is_required = column.get("required", True) is not False
    return name, {"type": kind} if is_required else {"type": kind, "required": False}


def _is_number(spec: Mapping[str, Any]) -> bool:
    return spec["type"] in ("number", "integer")
