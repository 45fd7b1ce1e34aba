"""Two kinds of serializers: bodies, which trust nothing, and answers, which are compiled once and written fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any

from rest_framework import serializers

from apps.core.json import shown

MOST_UNKNOWN = 20
"""A body of a million wrong names is not answered with a million complaints."""


class BodySerializer(serializers.Serializer[Any]):
    """What a caller may send. An unknown field is an error: a typo must not look like success."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"body": ["must be an object"]}, code="object")
        unknown = sorted(set(data) - set(self.fields))[:MOST_UNKNOWN]
        if unknown:
            raise serializers.ValidationError(
                {shown(name): ["is not a field here"] for name in unknown}, code="unknown_field"
            )
        return super().to_internal_value(data)


class ReadSerializer(serializers.Serializer[Any]):
    """What we answer. Fields are declared as always (OpenAPI reads them); values are taken by compiled getters.

    A field's `source` is an attribute path, `get_<field>` on the serializer class a static function of the object.
    Dates and numbers are written by the renderer, so no field converts.
    """

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {name: getter(instance) for name, getter in _getters(type(self))}


@cache
def _getters(serializer: type[ReadSerializer]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    return tuple(
        (name, _getter(serializer, name, field)) for name, field in serializer().fields.items()
    )


def _getter(serializer: type[ReadSerializer], name: str, field: Any) -> Callable[[Any], Any]:
    own: Callable[[Any], Any] | None = getattr(serializer, f"get_{name}", None)
    if own is not None:
        return own
    get = attrgetter(field.source or name)
    if isinstance(field, ReadSerializer):
        nested = field
        return lambda instance: (
            None if (value := get(instance)) is None else nested.to_representation(value)
        )
    return get
