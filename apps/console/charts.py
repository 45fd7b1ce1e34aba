"""From rows over time to the context of `components/chart.html`: the lines, and the same as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

Value = float | int | None


@dataclass(frozen=True, slots=True)
class Series:
    label: str
    values: Sequence[Value]
    state: str = ""


def chart(
    *,
    title: str,
    unit: str,
    window: str,
    times: Sequence[datetime],
    series: Sequence[Series],
    time_format: str,
    text: Callable[[Any], str],
) -> dict[str, Any]:
    """From nothing upwards. `text` writes a value in the table; a hole in a line is a dash there."""
    data = {
        "from_zero": True,
        "x": [int(at.timestamp()) for at in times],
        "series": [
            {"label": one.label, "values": list(one.values)}
            | ({"state": one.state} if one.state else {})
            for one in series
        ],
    }
    rows = [
        [
            at.strftime(time_format),
            *("–" if one.values[i] is None else text(one.values[i]) for one in series),
        ]
        for i, at in enumerate(times)
    ]
    return {
        "title": title,
        "unit": unit,
        "window": window,
        "data": json.dumps(data),
        "columns": [_("Time, UTC"), *(one.label for one in series)],
        "rows": rows[::-1],
    }
