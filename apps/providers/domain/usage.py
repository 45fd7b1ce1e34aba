"""The record of one call as it goes through the spool, from the process that answered to the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

KIND: Final = "usage"
"""The spool's word for these records."""


@dataclass(slots=True)
class UsageEntry:
    """One call, whole: written once at its end. Names stand beside ids as they are at that moment."""

    organization: int
    """The row's number."""
    request_id: str
    model: str
    """The route's name, as the caller wrote it."""
    operation: str
    status: str
    at: datetime
    """When the call came in: the reservation's `at`, so that both fall into one period of a budget."""
    key: str = ""
    """The key's public id; empty for a person's session or token."""
    key_name: str = ""
    principal: str = ""
    end_user: str = ""
    deployment: str = ""
    provider: str = ""
    error_code: str = ""
    is_stream: bool = False
    is_cached: bool = False
    is_estimated: bool = False
    attempts: int = 1
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_nano: int = 0
    duration_ms: float = 0.0
    first_token_ms: float | None = None
    overhead_ms: float = 0.0
    epoch: str = ""
    """Set by `ledger.booking.book`, as is the next."""
    reservation: str = ""

    def to_record(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def read_record(value: dict[str, Any]) -> UsageEntry:
    """The entry that a record holds. A field of another version of the program is passed over."""
    known = {name: value[name] for name in UsageEntry.__slots__ if name in value}
    known["at"] = datetime.fromisoformat(known["at"]).astimezone(UTC)
    return UsageEntry(**known)
