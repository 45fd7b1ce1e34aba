"""What models, versions, aliases, tags and metrics may be called and hold."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from apps.core.errors import Invalid
from apps.core.text import is_misleading

_MODEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}").fullmatch
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}").fullmatch
_ALIAS = re.compile(r"[a-z][a-z0-9._-]{0,49}").fullmatch
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ ./@:-]{0,99}").fullmatch
RESERVED = frozenset({"latest", "none", "staging", "production", "archived"})
"""Words that already say which version is meant."""
MOST_TAGS = 100
MOST_METRICS = 500
LONGEST_TEXT = 2000
LONGEST_TAG = 1000
LINEAGE = ("run_id", "commit", "data")


def check_model_name(name: str) -> str:
    """Small letters, digits and `. _ -`; never a path. Raises `Invalid`."""
    if not _MODEL(name) or ".." in name:
        raise Invalid.field(
            "name", "must be 1 to 100 of a-z, 0-9, '.', '_', '-', beginning with a-z or 0-9", "name"
        )
    return name


def check_version_label(label: str, number: int) -> str:
    """`1.2.0`, or the version's own number. Raises `Invalid`: digits alone would be another version's number."""
    if not _VERSION(label) or ".." in label or label.lower() in RESERVED:
        raise Invalid.field(
            "version", "must be 1 to 64 of letters, digits, '.', '_', '+', '-'", "name"
        )
    if label.isdecimal() and label != str(number):
        raise Invalid.field("version", f"must be {number} when it is a number alone", "number")
    return label


def check_alias(alias: str) -> str:
    if not _ALIAS(alias) or ".." in alias or alias in RESERVED:
        raise Invalid.field(
            "alias",
            "must be 1 to 50 of a-z, 0-9, '.', '_', '-', beginning with a letter, and no stage",
            "name",
        )
    return alias


def check_text(field: str, text: str, longest: int = LONGEST_TEXT) -> str:
    """Lines of plain text."""
    if len(text) > longest or any(is_misleading(line) for line in text.splitlines()):
        raise Invalid.field(field, f"must be plain text of at most {longest} characters", "length")
    return text


def check_tags(tags: Any) -> dict[str, str]:
    """Text by name. Raises `Invalid`."""
    for key, value in _pairs("tags", tags, MOST_TAGS):
        is_plain = isinstance(value, str) and len(value) <= LONGEST_TAG and not is_misleading(value)
        if not is_plain:
            raise Invalid.field(
                f"tags.{key}", f"must be text of at most {LONGEST_TAG} characters", "type"
            )
    return dict(tags)


def check_metrics(metrics: Any) -> dict[str, float]:
    """Finite numbers by name. Raises `Invalid`."""
    for key, value in _pairs("metrics", metrics, MOST_METRICS):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value):
            raise Invalid.field(f"metrics.{key}", "must be a finite number", "type")
    return dict(metrics)


def check_share(field: str, share: float) -> float:
    """Raises `Invalid`."""
    if not 0 <= share <= 1:
        raise Invalid.field(field, "must be from 0 to 1", "range")
    return float(share)


def check_lineage(lineage: Any) -> dict[str, str]:
    """Where a version comes from: the run that trained it, the commit of its code, the data."""
    for key, value in _pairs("lineage", lineage, len(LINEAGE)):
        if key not in LINEAGE:
            raise Invalid.field(f"lineage.{key}", "is not a field here", "unknown_field")
        if not isinstance(value, str) or len(value) > LONGEST_TAG or is_misleading(value):
            raise Invalid.field(f"lineage.{key}", "must be a line of text", "type")
    return dict(lineage)


def _pairs(field: str, value: Any, most: int) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        raise Invalid.field(field, "must be an object", "type")
    if len(value) > most:
        raise Invalid.field(field, f"may hold {most} at most", "length")
    for key in value:
        if not isinstance(key, str) or not _KEY(key):
            raise Invalid.field(field, "has a name that is not plain", "name")
    return list(value.items())
