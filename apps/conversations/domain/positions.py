"""How far a viewer has come in an answer, as the id of an event: offsets, so that no log of events is needed.

`msg_…:123` stands behind 123 characters of the visible text, `msg_…:123+45` also behind 45 of the thoughts; after the
text come `.tool_calls`, `.usage`, and `.done` or `.error`, in this order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from apps.core.errors import Invalid

STAGES = ("", "tool_calls", "usage", "done", "error")
_POSITION = re.compile(
    r"(msg_[0-9a-f]{32}):([0-9]{1,9})(?:\+([0-9]{1,9}))?(?:\.(tool_calls|usage|done|error))?"
).fullmatch


@dataclass(frozen=True, slots=True)
class Position:
    message: str
    content: int = 0
    reasoning: int = 0
    stage: str = ""

    @property
    def is_end(self) -> bool:
        return self.stage in ("done", "error")

    def has_passed(self, stage: str) -> bool:
        return STAGES.index(self.stage) >= STAGES.index(stage)

    def __str__(self) -> str:
        thoughts = f"+{self.reasoning}" if self.reasoning else ""
        stage = f".{self.stage}" if self.stage else ""
        return f"{self.message}:{self.content}{thoughts}{stage}"


def read_position(text: str | None) -> Position | None:
    """Of a `Last-Event-ID`; None where there is none. Raises `Invalid`."""
    if not text:
        return None
    match = _POSITION(text)
    if match is None:
        raise Invalid.field("Last-Event-ID", "is no id of an event of ours", "format")
    message, content, reasoning, stage = match.groups()
    return Position(message, int(content), int(reasoning or 0), stage or "")
