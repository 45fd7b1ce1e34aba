"""What goes wrong when calling out."""

from __future__ import annotations

from apps.core.errors import Invalid, TimedOut, Upstream


class Forbidden(Exception):
    """The URL leads where we do not go. The message completes "url …"."""

    def as_field(self, name: str) -> Invalid:
        return Invalid.field(name, str(self), "forbidden_address")


class CallFailed(Upstream):
    """No answer, or none that can be used: refused, reset, garbage, too large, a name that is unknown."""

    code = "upstream_error"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, reason=reason)
        self.reason = reason


class CallTimedOut(TimedOut):
    """The other side took longer than the call was given."""

    code = "upstream_timeout"
    reason = "timeout"
