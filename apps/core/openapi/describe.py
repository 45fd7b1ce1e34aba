"""How a plain view describes itself to the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a plain view; schemas are JSON Schema with an `example` inside. None: plain text."""

    summary: str
    answer: Schema | None
    tag: str
    body: Schema | None = None
    status: int = 200
    media: str = "application/json"
    description: str = ""
    parameters: tuple[Schema, ...] = ()
    more: Mapping[int, Schema | None] = field(default_factory=dict)
    """Other answers by status; None: without a body."""
    refusals: tuple[int, ...] = ()
    """What the view refuses beyond what the gate does."""


V = TypeVar("V", bound=Callable[..., Any])


def describe(**by_method: Operation) -> Callable[[V], V]:
    def mark(view: V) -> V:
        view.operations = by_method  # type: ignore[attr-defined]  # a marker on a function
        return view

    return mark
