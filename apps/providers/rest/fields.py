"""Fields of bodies that only this app has. What a value may be is the domain's to say; here its JSON type is."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

NUMBER: dict[str, Any] = {"type": "number", "minimum": 0}
DECIMAL: dict[str, Any] = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}


@extend_schema_field({"oneOf": [NUMBER, DECIMAL]})
class PriceField(serializers.Field[Any, Any, Any, Any]):
    """Dollars for a million tokens: a number, or a decimal in a string."""

    default_error_messages = {"type": "must be a number of dollars"}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | float | str):
            self.fail("type")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(NUMBER)
class NumberField(serializers.Field[Any, Any, Any, Any]):
    """A number, whole or not, and no text that looks like one."""

    default_error_messages = {"type": "must be a number"}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("type")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(
    {"oneOf": [{"type": "boolean"}, {"type": "string", "enum": ["none", "session", "key"]}]}
)
class StickyField(serializers.Field[Any, Any, Any, Any]):
    """Yes or no, or what it goes by."""

    default_error_messages = {"type": "must be true, false or a word"}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, bool | str):
            self.fail("type")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class LongTextField(serializers.CharField):
    """Text of as many lines as it likes, kept as it came."""

    default_error_messages = {"type": "must be a string"}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("type")
        return data
