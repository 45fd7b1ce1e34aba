"""Which versions an organization's models have, by every name a caller may use. Swapped whole; a call keeps the one it began with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.core.errors import NotFound
from apps.models.domain.columns import ColumnChecker
from apps.models.domain.schema import Checker
from apps.models.domain.scoring import Blueprint
from apps.models.errors import NoProductionVersion


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version as predictions see it. What it says never changes, so it is read once and remembered by its key."""

    key: int
    public_id: str
    model_key: int
    model: str
    label: str
    number: int
    digest: str
    size: int
    blueprint: Blueprint
    checker: Checker
    columns: ColumnChecker


@dataclass(frozen=True, slots=True)
class ModelView:
    key: int
    public_id: str
    name: str
    log_share: float
    tags: Mapping[str, int]
    """Labels, numbers, ids, `@alias`, `latest`, `production` and `staging`, each to a version's key. Ready versions alone."""
    labels: tuple[str, ...] = ()
    """In the order they were made."""

    def key_of(self, tag: str | None) -> int:
        """The version a caller means; without a word, the one in production. Raises `NotFound`, `NoProductionVersion`."""
        if tag is None:
            key = self.tags.get("production")
            if key is None:
                raise NoProductionVersion(self.name)
            return key
        key = self.tags.get(tag)
        if key is None:
            key = self.tags.get(tag.lower()) if tag.lower() in STAGE_TAGS else None
        if key is None:
            raise NotFound(f"{self.name} has no version of this name.", code="version_not_found")
        return key


STAGE_TAGS = frozenset({"latest", "production", "staging"})


@dataclass(frozen=True, slots=True)
class ModelTable:
    models: Mapping[str, ModelView]
    """By name and by public id."""
