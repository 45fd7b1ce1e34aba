"""What a prediction turned out to be: what can be chosen, and how it is read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from apps.console.feature_fields import spelt
from apps.core.errors import AppError, Invalid
from apps.core.json import parse
from apps.models.enums import Task

if TYPE_CHECKING:
    from apps.models.models import ModelVersion

MOST_CLASSES = 100
LONGEST = 500


def outcome_field(version: ModelVersion | None, predicted: Any = None) -> dict[str, Any]:
    """`{kind, options}` for `models/outcome.html`: a list where the classes are known, else a number or a text.

    An option's value is JSON, as callers would write it. `predicted` tells where the version is gone.
    """
    choices = _classes(version, predicted)
    if not choices:
        is_number = isinstance(predicted, int | float) and not isinstance(predicted, bool)
        return {"kind": "number" if is_number or _is_regression(version) else "text", "options": []}
    said = [
        {"value": json.dumps(each, ensure_ascii=False), "label": spelt(each)} for each in choices
    ]
    return {"kind": "choice", "options": said}


def _is_regression(version: ModelVersion | None) -> bool:
    return version is not None and version.task == Task.REGRESSION


def _classes(version: ModelVersion | None, predicted: Any) -> list[Any]:
    if version is None or _is_regression(version):
        return []
    classes = version.described.get("details", {}).get("classes")
    if isinstance(classes, list) and classes:
        return classes if len(classes) <= MOST_CLASSES else []
    if isinstance(predicted, str) or version.task != Task.CLASSIFICATION:
        return []
    count = classes if isinstance(classes, int) and classes > 2 else 2
    return list(range(count)) if count <= MOST_CLASSES else []


def read_outcome(text: str, predicted: Any) -> Any:
    """What a form sent, in the kind of value that was predicted. Raises `Invalid`."""
    if len(text) > LONGEST:
        raise Invalid.field("actual", f"may have {LONGEST} characters at most", "length")
    if not text.strip():
        raise Invalid.field("actual", "is required", "required")
    try:
        value = parse(text.encode())
    except AppError:
        value = text.strip()
    return text.strip() if isinstance(predicted, str) and not isinstance(value, str) else value
