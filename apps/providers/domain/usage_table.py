"""Usage summed up by what is asked for. Pure: hourly rows in, one row for each group out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from apps.core.sketch import Sketch
from apps.providers.domain.budgets import to_dollars

GROUPS: Final = ("day", "hour", "model", "key", "provider", "deployment")
COUNTS: Final = ("requests", "errors", "cached", "prompt_tokens", "completion_tokens", "cost_nano")
SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
ORDERINGS: Final = (*GROUPS, "requests", "errors", "prompt_tokens", "completion_tokens", "cost")

Quantiles = dict[str, float | None]


@dataclass(slots=True)
class UsageRow:
    """One group. `group` has a value for each name that was grouped by, in that order."""

    group: dict[str, str]
    requests: int = 0
    errors: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nano: int = 0
    durations: Sketch = field(default_factory=Sketch)
    first_tokens: Sketch = field(default_factory=Sketch)

    @property
    def cost(self) -> float:
        """Dollars."""
        return float(to_dollars(self.cost_nano))

    @property
    def duration_ms(self) -> Quantiles:
        return _quantiles(self.durations)

    @property
    def first_token_ms(self) -> Quantiles:
        return _quantiles(self.first_tokens)

    def add(self, hour: Mapping[str, Any]) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + hour[name])
        self.durations.merge(Sketch.read(hour["duration"]))
        self.first_tokens.merge(Sketch.read(hour["first_token"]))

    def merge(self, other: UsageRow) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.durations.merge(other.durations)
        self.first_tokens.merge(other.first_tokens)


def sum_up(hours: Iterable[Mapping[str, Any]], group_by: Sequence[str]) -> list[UsageRow]:
    """Ordered by the groups. A key is told by its id and the name it had last."""
    rows: dict[tuple[str, ...], UsageRow] = {}
    names: dict[str, str] = {}
    for hour in hours:
        key = tuple(_value(hour, name) for name in group_by)
        row = rows.get(key)
        if row is None:
            row = rows[key] = UsageRow(dict(zip(group_by, key, strict=True)))
        row.add(hour)
        names[hour["key"]] = hour["key_name"]
    if "key" in group_by:
        for row in rows.values():
            row.group["key_name"] = names[row.group["key"]]
    return [rows[key] for key in sorted(rows)]


def regroup(rows: Iterable[UsageRow], names: Sequence[str]) -> list[UsageRow]:
    """The same by fewer of their groups, which stay in the order they come in."""
    merged: dict[tuple[str, ...], UsageRow] = {}
    for row in rows:
        key = tuple(row.group[name] for name in names)
        if key not in merged:
            told = {name: value for name, value in row.group.items() if name in names}
            if "key" in names:
                told["key_name"] = row.group["key_name"]
            merged[key] = UsageRow(told)
        merged[key].merge(row)
    return list(merged.values())


def total_of(rows: Iterable[UsageRow]) -> UsageRow:
    total = UsageRow({})
    for row in rows:
        total.merge(row)
    return total


def ordered(rows: Sequence[UsageRow], ordering: Sequence[str]) -> list[UsageRow]:
    """By several names, each perhaps with a minus. Groups that were not asked for order nothing."""
    result = list(rows)
    for name in reversed(ordering):
        plain = name.removeprefix("-")
        result.sort(key=lambda row, n=plain: _sort_value(row, n), reverse=name.startswith("-"))  # type: ignore[misc]  # a default binds the name
    return result


def _sort_value(row: UsageRow, name: str) -> Any:
    if name == "cost":
        return row.cost_nano
    return row.group.get(name, "") if name in GROUPS else getattr(row, name)


def _value(hour: Mapping[str, Any], name: str) -> str:
    at: datetime = hour["hour"]
    if name == "day":
        return at.date().isoformat()
    if name == "hour":
        return at.strftime("%Y-%m-%dT%H:00:00Z")
    return str(hour[name])


def _quantiles(sketch: Sketch) -> Quantiles:
    values = sketch.quantiles(SHARES.values())
    return {
        name: None if value is None else round(value, 3)
        for name, value in zip(SHARES, values, strict=True)
    }
