"""What conversations and messages look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

ASKED: dict[str, Any] = {
    "title": "Signal boxes",
    "model": "simulated",
    "system_prompt": "You know all about railways.",
    "parameters": {"temperature": 0.2},
    "tags": ["railways"],
}
CONVERSATION: dict[str, Any] = {
    "id": "conv_5f0c6f2f0d4b4b6c8a3f3d1d1f9b7a10",
    "title": "Signal boxes",
    "model": "simulated",
    "owner": {"id": "user_0b7e8a1c5d2f4e6a9c3b1d8f7e6a5c4d", "name": "Ada"},
    "visibility": "private",
    "tags": ["railways"],
    "parameters": {"temperature": 0.2},
    "trimming": "oldest",
    "context_tokens": None,
    "archived": False,
    "archived_at": None,
    "message_count": 2,
    "created_at": "2026-01-15T10:30:00Z",
    "updated_at": "2026-01-15T10:31:00Z",
    "revision": 1,
}
USAGE: dict[str, Any] = {"prompt": 42, "completion": 98, "total": 140, "cost": 0.00226}
OPEN: dict[str, Any] = {
    **CONVERSATION,
    "system_prompt": "You know all about railways.",
    "head_id": "msg_7d1e0a9b8c7d6e5f4a3b2c1d0e9f8a7b",
    "usage": USAGE,
}
MESSAGE: dict[str, Any] = {
    "id": "msg_7d1e0a9b8c7d6e5f4a3b2c1d0e9f8a7b",
    "role": "assistant",
    "content": "It holds the levers that move points and signals, interlocked.",
    "parent_id": "msg_1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f",
    "status": "complete",
    "created_at": "2026-01-15T10:30:05Z",
    "finished_at": "2026-01-15T10:30:07Z",
    "usage": USAGE,
    "model": "simulated",
    "reasoning": "",
    "tool_calls": [],
    "attachments": [],
    "context": {"messages": 1, "tokens": 42, "left_out": 0, "summary": False},
    "finish_reason": "stop",
    "error": None,
    "request_id": "req_0f8c1d2e3a4b5c6d7e8f9a0b",
    "siblings": {"count": 1, "position": 1, "ids": ["msg_7d1e0a9b8c7d6e5f4a3b2c1d0e9f8a7b"]},
    "feedback": None,
}
STATS: dict[str, Any] = {
    "owner": {"id": "user_0b7e8a1c5d2f4e6a9c3b1d8f7e6a5c4d", "name": "Ada"},
    "conversations": 12,
    "archived": 3,
    "messages": 240,
    "usage": {"prompt": 51200, "completion": 9800, "total": 61000, "cost": 0.226},
    "last_at": "2026-01-15T10:31:00Z",
}
