"""Where a call comes from that has no actor yet: login, refresh, an accepted invitation."""

from __future__ import annotations

from dataclasses import dataclass

from apps.core.limits.place import place_of


@dataclass(frozen=True, slots=True)
class Visit:
    address: str = ""
    user_agent: str = ""
    request_id: str = ""

    @property
    def place(self) -> str:
        """What attempts are counted against."""
        return place_of(self.address)
