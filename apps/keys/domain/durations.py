"""How long, as people write it on a command line: `90d`, `12h`."""

from __future__ import annotations

import re
from datetime import timedelta

MAX_DAYS = 3650
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_PATTERN = re.compile(r"([1-9][0-9]{0,8})([smhdw])", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """`90d` and the like; `ValueError` for anything else, and for more than ten years."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a duration: write a number and s, m, h, d or w.")
    duration = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    if duration > timedelta(days=MAX_DAYS):
        raise ValueError(f"{text} is longer than {MAX_DAYS} days.")
    return duration
