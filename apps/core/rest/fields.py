"""Fields of bodies that take their own JSON type and no other."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class FlagField(serializers.BooleanField):
    """True or false, and not the many words that DRF takes for them."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class WholeNumberField(serializers.IntegerField):
    """An integer, not a text that looks like one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class ObjectField(serializers.DictField):
    """An object of plain values; what stands in it is the domain's to check."""

    child = serializers.JSONField()
