"""Writing a conversation out: as the document that `transfer` reads, and as Markdown for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from apps.conversations.domain.transfer import FORMAT, VERSION
from apps.conversations.enums import MessageRole

if TYPE_CHECKING:
    from apps.conversations.models import Conversation, Message

LONGEST_NAME = 100


def to_document(
    conversation: Conversation, messages: Sequence[Message], *, now: datetime
) -> dict[str, Any]:
    """Every branch, parents before their children."""
    names = {message.pk: message.public_id for message in messages}
    return {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": _moment(now),
        "conversation": {
            "title": conversation.title,
            "is_title_given": conversation.is_title_given,
            "model": conversation.model,
            "system_prompt": conversation.system_prompt,
            "parameters": conversation.parameters,
            "trimming": str(conversation.trimming),
            "context_tokens": conversation.context_tokens,
            "tags": conversation.tags,
            "created_at": _moment(conversation.created_at),
        },
        "head": names.get(conversation.head_id or 0),
        "messages": [_message(message, names) for message in messages],
    }


def to_markdown(conversation: Conversation, branch: Sequence[Message]) -> str:
    """One branch, as somebody would read it."""
    parts = [
        f"# {_line(conversation.title or 'Conversation')}",
        f"*{_line(conversation.model)}, {conversation.created_at:%Y-%m-%d %H:%M} UTC*",
    ]
    for message in branch:
        is_answer = message.role == MessageRole.ASSISTANT
        who = _line(message.model or conversation.model) if is_answer else "User"
        parts += ["---", f"**{who}** · {message.created_at:%Y-%m-%d %H:%M}"]
        parts += [f"*Attached: {_line(file['name'])}*" for file in message.files]
        parts.append(message.content)
    return "\n\n".join(parts) + "\n"


def file_name(title: str, ending: str) -> str:
    """A name that every system takes, from a title in whatever language."""
    words = re.sub(r"[^\w .()-]+", " ", title)
    plain = " ".join(words.split())[:LONGEST_NAME].strip(" .-")
    return f"{plain or 'conversation'}.{ending}"


def _message(message: Message, names: dict[int, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": message.public_id,
        "parent_id": names.get(message.parent_id or 0),
        "role": str(message.role),
        "status": str(message.status),
        "content": message.content,
        "created_at": _moment(message.created_at),
    }
    more = {
        "model": message.model,
        "reasoning": message.reasoning,
        "tool_calls": message.tool_calls,
        "attachments": [file["name"] for file in message.files],
    }
    return {**shown, **{name: value for name, value in more.items() if value}}


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _line(text: str) -> str:
    """What stands within a line of Markdown, its signs taken at their letter."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", " ".join(text.split()))
