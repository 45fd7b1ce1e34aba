"""The words of this app."""

from __future__ import annotations

from enum import StrEnum

from apps.core.permissions import Permission


class Visibility(StrEnum):
    PRIVATE = "private"
    ORGANIZATION = "organization"
    """Every member may read it; its owner alone writes."""


class MessageRole(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"


class MessageStatus(StrEnum):
    """How far a message is. A user's is complete from the start."""

    GENERATING = "generating"
    COMPLETE = "complete"
    STOPPED = "stopped"
    """By a person: the text so far is kept."""
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """The process that made it died: the text so far is kept, and may be continued."""


class Trimming(StrEnum):
    """What becomes of a conversation that outgrows its model's context."""

    OLDEST = "oldest"
    """The oldest messages are left out of what the model reads."""
    SUMMARY = "summary"
    """They are summed up by the model, once, and the summary goes in their place."""


class Verdict(StrEnum):
    UP = "up"
    DOWN = "down"


class ConversationsPermission(Permission):
    VIEW = "conversations.conversation.view"
    """Read one's own conversations and those shown to the organization."""
    CREATE = "conversations.conversation.create"
    """Hold conversations: begin, write, stop, branch, share, remove one's own."""
    UPLOAD = "conversations.file.upload"
    """Upload files to attach to messages."""
    STATS = "conversations.stats.view"
    """See how many conversations each owner has and what they cost; never their texts."""
