"""How often something may be done: `100/m`, `5/30s`. Text to `Rate` and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# Every accepted hit is remembered for a window, so both bounds are bounds on memory.
MAX_LIMIT: Final = 100_000
MAX_WINDOW_SECONDS: Final = 30 * 86_400

UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
PATTERN: Final = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})?([smhd])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` hits in any stretch of `window_seconds`."""

    limit: int
    window_seconds: int

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise ValueError(f"A rate allows between 1 and {MAX_LIMIT} hits, not {self.limit}.")
        if not 1 <= self.window_seconds <= MAX_WINDOW_SECONDS:
            raise ValueError(f"A rate's window is between 1s and 30d, not {self.window_seconds}s.")

    def __str__(self) -> str:
        unit, seconds = next(
            (unit, seconds) for unit, seconds in UNITS.items() if self.window_seconds % seconds == 0
        )
        count = self.window_seconds // seconds
        return f"{self.limit}/{unit if count == 1 else f'{count}{unit}'}"


def parse_rate(text: object) -> Rate:
    """Read `100/m` or `5/30s`; anything else, of any type, is a `ValueError`."""
    match = PATTERN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(
            f"{str(text)[:40]!r} is not a rate: write hits, a slash and a window, "
            "such as 100/m, 1000/h or 5/30s."
        )
    limit, count, unit = match.groups()
    return Rate(limit=int(limit), window_seconds=int(count or 1) * UNITS[unit])
