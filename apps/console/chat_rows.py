"""Conversations and messages in the shape the chat's templates take. What models wrote becomes harmless HTML here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.console import figures
from apps.conversations.enums import MessageRole, MessageStatus, Visibility
from apps.conversations.queries.shown import MessageView, Rollup
from apps.core.actor import Actor
from apps.core.markdown import to_html

if TYPE_CHECKING:
    from apps.conversations.models import Conversation, Message

Row = dict[str, Any]

API = "/api/v1/conversations"
LAMPS = {
    MessageStatus.STOPPED: ("caution", gettext_lazy("Stopped")),
    MessageStatus.FAILED: ("danger", gettext_lazy("Failed")),
    MessageStatus.INTERRUPTED: ("caution", gettext_lazy("Interrupted")),
}
BLANK: Row = {"id": "", "version": "", "status": "", "text": "", "html": None}


def title_of(conversation: Conversation) -> str:
    return conversation.title or _("New conversation")


def talk(conversation: Conversation, actor: Actor, *, current: str) -> Row:
    """One row of the list."""
    is_mine = conversation.owner == actor.principal
    return {
        "id": conversation.public_id,
        "url": reverse("console:chat-conversation", args=[conversation.public_id]),
        "title": title_of(conversation),
        "at": conversation.updated_at,
        "model": conversation.model,
        "tags": conversation.tags,
        "is_current": conversation.public_id == current,
        "is_mine": is_mine,
        "is_shown": conversation.visibility == Visibility.ORGANIZATION,
        "owner": "" if is_mine else conversation.owner_name,
    }


def used(rollup: Rollup) -> Row | None:
    tokens = rollup.prompt_tokens + rollup.completion_tokens
    if not tokens:
        return None
    cost = figures.dollars(rollup.cost_nano) if rollup.cost_nano else ""
    return {"tokens": figures.count(tokens), "cost": cost}


def rows_of(views: Iterable[MessageView], *, ends_here: bool) -> list[Row]:
    """Messages of a branch; where it ends among them, its last one may be gone on with."""
    rows = [row_of(view) for view in views]
    if rows and ends_here:
        rows[-1]["can_continue"] = rows[-1]["status"] in LAMPS and bool(rows[-1]["text"])
    return rows


def row_of(view: MessageView) -> Row:
    message = view.message
    is_answer = message.role == MessageRole.ASSISTANT
    lamp = LAMPS.get(MessageStatus(view.status))
    siblings = _siblings(view)
    return {
        "id": message.public_id,
        "role": message.role,
        "who": (message.model or _("Model")) if is_answer else _("You"),
        "at": message.created_at,
        "status": view.status,
        "is_generating": view.status == MessageStatus.GENERATING,
        "lamp": lamp and {"state": lamp[0], "label": lamp[1]},
        "text": message.content,
        "html": to_html(message.content) if is_answer else None,
        "reasoning": message.reasoning,
        "files": [_file(file) for file in message.files],
        "tools": [name for call in message.tool_calls if (name := _tool(call))],
        "parent": view.parent,
        "siblings": siblings,
        "version": _version(view, siblings),
        "error": error_of(message) if view.status == MessageStatus.FAILED else None,
        "facts": facts_of(message) if is_answer else [],
        "left_out": _left_out(message.context),
        "verdict": view.verdict,
        "comment": view.comment,
    }


def blanks() -> dict[str, Row]:
    """What scripts make new messages of."""
    user = {**BLANK, "role": MessageRole.USER.value, "who": _("You"), "is_generating": True}
    answer = {
        **BLANK,
        "role": MessageRole.ASSISTANT.value,
        "who": _("Model"),
        "is_generating": True,
    }
    return {"user": user, "answer": answer}


def _siblings(view: MessageView) -> Row:
    ids, at = view.siblings.ids, view.message.public_id
    index = ids.index(at) if at in ids else 0
    return {
        "count": view.siblings.count,
        "position": view.siblings.position,
        "previous": ids[index - 1] if index else "",
        "next": ids[index + 1] if index + 1 < len(ids) else "",
    }


def _version(view: MessageView, siblings: Row) -> str:
    """Another one when anything of the message looks different."""
    parts = (
        view.status,
        len(view.message.content),
        siblings["position"],
        siblings["count"],
        view.verdict or "",
    )
    return ".".join(map(str, parts))


def _file(file: Mapping[str, Any]) -> Row:
    return {
        "name": file.get("name", ""),
        "size": filesizeformat(file.get("size", 0)),
        "url": f"/api/v1/uploads/{file['id']}/content" if file.get("id") else "",
    }


def _tool(call: Mapping[str, Any]) -> str:
    return str(call.get("function", {}).get("name", ""))


def error_of(message: Message) -> Row:
    return {
        "message": message.error_message or _("The call failed"),
        "code": message.error_code,
    }


def facts_of(message: Message) -> list[str]:
    """What an answer came to."""
    facts = []
    if message.prompt_tokens is not None:
        read, written = message.prompt_tokens, message.completion_tokens or 0
        facts.append(f"{figures.count(read)} → {figures.count(written)} " + _("tokens"))
    if message.cost_nano:
        facts.append(figures.dollars(message.cost_nano))
    if message.finish_reason == "length":
        facts.append(_("reached the most tokens it may have"))
    return facts


def _left_out(context: Mapping[str, Any]) -> str:
    """What of the conversation its model did not read."""
    count = context.get("left_out") or 0
    if not count:
        return ""
    if context.get("summarized"):
        return ngettext(
            "The model read %(count)d earlier message summed up",
            "The model read %(count)d earlier messages summed up",
            count,
        ) % {"count": count}
    return ngettext(
        "The model did not read %(count)d earlier message",
        "The model did not read %(count)d earlier messages",
        count,
    ) % {"count": count}
