"""A message as plain values, for doors that speak no REST: the same fields as its serializer has."""

from __future__ import annotations

from typing import Any

from apps.conversations.models import Message
from apps.conversations.queries.shown import MessageView
from apps.providers.domain.budgets import to_dollars


def message_values(view: MessageView) -> dict[str, Any]:
    row = view.message
    return {
        "id": row.public_id,
        "role": row.role,
        "content": row.content,
        "parent_id": view.parent,
        "status": view.status,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
        "usage": _usage(row),
        "model": row.model or None,
        "reasoning": row.reasoning,
        "tool_calls": row.tool_calls,
        "attachments": list(row.files),
        "context": row.context,
        "finish_reason": row.finish_reason,
        "error": {"code": row.error_code, "message": row.error_message} if row.error_code else None,
        "request_id": row.request_id,
        "siblings": {
            "count": view.siblings.count,
            "position": view.siblings.position,
            "ids": view.siblings.ids,
        },
        "feedback": None
        if view.verdict is None
        else {"value": view.verdict, "comment": view.comment},
    }


def _usage(row: Message) -> dict[str, Any] | None:
    if row.prompt_tokens is None and row.completion_tokens is None:
        return None
    prompt, completion = row.prompt_tokens or 0, row.completion_tokens or 0
    return {
        "prompt": prompt,
        "completion": completion,
        "total": prompt + completion,
        "cost": float(to_dollars(row.cost_nano or 0)),
    }
