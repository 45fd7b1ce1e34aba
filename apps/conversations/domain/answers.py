"""An answer on its way into the database and out of it: what is written down of it, how it ended. Plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from apps.conversations.enums import MessageStatus

INTERRUPTED = "interrupted"
INTERRUPTED_MESSAGE = "The server that wrote this answer stopped. Continue it, or ask again."


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended. Tokens and cost are of all calls that wrote it; None where nobody knows."""

    status: MessageStatus
    finish_reason: str = ""
    error_code: str = ""
    error_message: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_nano: int | None = None
    request_id: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()

    @property
    def is_good(self) -> bool:
        return self.status in (MessageStatus.COMPLETE, MessageStatus.STOPPED)

    @property
    def total_tokens(self) -> int:
        return (self.prompt_tokens or 0) + (self.completion_tokens or 0)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What came since the last one. Each text says from which character on it goes: writing it twice does no harm."""

    message: int
    content_from: int = 0
    content: str = ""
    reasoning_from: int = 0
    reasoning: str = ""
    context: dict[str, Any] | None = None
    ending: Ending | None = None

    @property
    def has_text(self) -> bool:
        return bool(self.content or self.reasoning)


@dataclass(frozen=True, slots=True)
class Standing:
    """An answer as its row has it now."""

    pk: int
    message: str
    organization_id: int
    content: str
    reasoning: str
    context: dict[str, Any] = field(default_factory=dict)
    ending: Ending | None = None
    """None while it is being written."""
