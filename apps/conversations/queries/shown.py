"""What is shown of conversations and messages beside their rows: what a row alone does not say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from apps.conversations.models import Conversation, Message


@dataclass(frozen=True, slots=True)
class Siblings:
    """The messages that stand where this one does; `position` counts from 1, `ids` are those around it, oldest first."""

    count: int
    position: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MessageView:
    """`status` is what is so now: an answer whose process died is interrupted before anybody writes that down."""

    message: Message
    parent: str | None
    """Public id."""
    siblings: Siblings
    status: str
    verdict: str | None = None
    """What the reader thinks of it."""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Rollup:
    """What answers have used, together."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nano: int = 0


@dataclass(frozen=True, slots=True)
class ConversationView:
    """One conversation with what only its own page shows."""

    conversation: Conversation
    head: str | None
    """Public id of the last message of the active branch."""
    usage: Rollup

    @property
    def revision(self) -> int:
        return self.conversation.revision


@dataclass(frozen=True, slots=True)
class OwnerStats:
    """What one owner's conversations come to: counts and costs, no texts."""

    owner: str
    name: str
    held: int
    """Conversations, archived ones included."""
    archived: int
    said: int
    """Messages."""
    usage: Rollup
    last_at: datetime
