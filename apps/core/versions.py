"""The versions of the API that are served: a name each, its URL table, and the dates of its end.

A version stands in the path (`/api/v1/…`); elsewhere `X-API-Version` may choose, and the newest answers by default.
To add one: a module beside `config/urls/v1.py` and a line in `SIGNALBOX_API_VERSIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime


@dataclass(frozen=True, slots=True)
class ApiVersion:
    name: str
    urls: str
    """The module whose `urlpatterns` stand below `/api/<name>/`."""
    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None
    """When it stops being served; in UTC, as HTTP dates are."""

    def headers(self) -> list[tuple[str, str]]:
        """`Deprecation` as RFC 9745 has it, `Sunset` as RFC 8594 has it."""
        lines = [("X-API-Version", self.name)]
        if self.deprecated_at is not None:
            lines.append(("Deprecation", f"@{int(self.deprecated_at.timestamp())}"))
        if self.sunset_at is not None:
            lines.append(("Sunset", format_datetime(self.sunset_at, usegmt=True)))
        return lines
