"""What inputs of this app's mutations have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.core.errors import Invalid

REVISION = "The revision the change is based on; STALE when it is no longer the present one."


def values_of(given: Mapping[str, Any], *, nullable: tuple[str, ...] = ()) -> dict[str, Any]:
    """The input as a service takes it. What is left out is left out; null is no word for that."""
    values = dict(given)
    for name, value in values.items():
        if value is None and name not in nullable:
            raise Invalid.field(f"input.{name}", "may be left out but not null", "null")
    if "enabled" in values:
        values["is_enabled"] = values.pop("enabled")
    return values
