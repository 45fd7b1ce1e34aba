"""YAML as MLflow writes it. Apart from the rest, for it brings a library that few houses ever need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import yaml

from apps.models.errors import BrokenArtifact

MOST_DEPTH: Final = 50
MOST_EVENTS: Final = 20_000
"""Of YAML, a word each or two; a signature is one word, however many features it has."""
_Loader: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Reads every plain word as a text: dates, numbers and tags that make other things are a stranger's to get wrong."""


def read_yaml(text: str) -> Any:
    """A stranger's. Raises `BrokenArtifact`."""
    try:
        _refuse_tricks(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - it makes texts, lists and mappings alone
    except (yaml.YAMLError, ValueError, RecursionError):
        raise BrokenArtifact("MLmodel is no YAML") from None


def write_yaml(document: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(dict(document), sort_keys=True, allow_unicode=True)
    return text


def _refuse_tricks(text: str) -> None:
    """Aliases, by which a few bytes become a few gigabytes, and nesting, by which they take minutes, or the process."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if isinstance(event, yaml.AliasEvent):
            raise BrokenArtifact("MLmodel has aliases")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH or number > MOST_EVENTS:
            raise BrokenArtifact("MLmodel is nested too deep, or says too much")
