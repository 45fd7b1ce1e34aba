"""How a plain view describes itself to the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a plain view; schemas are JSON Schema with an `example` inside. None: not JSON."""

    summary: str
    answer: Schema | None
    tag: str
    body: Schema | None = None
    status: int = 200
    description: str = ""
    parameters: tuple[Schema, ...] = ()
    more: Mapping[int, Schema] = field(default_factory=dict)


V = TypeVar("V", bound=Callable[..., Any])


def describe(**by_method: Operation) -> Callable[[V], V]:
    def mark(view: V) -> V:
        view.operations = by_method  # type: ignore[attr-defined]  # a marker on a function
        return view

    return mark
