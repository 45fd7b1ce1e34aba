"""Calls of tools and thoughts, put together from the pieces of a stream in OpenAI's words. Pure."""

from __future__ import annotations

from typing import Any

from apps.conversations.domain.texts import storable

THOUGHTS = ("reasoning_content", "reasoning")
MOST = 64
"""Calls of tools in one answer."""


class ToolCalls:
    def __init__(self) -> None:
        self._calls: dict[int, dict[str, Any]] = {}

    def take(self, data: dict[str, Any]) -> str:
        """Keep what an event says of tools; the thoughts in it are answered."""
        thoughts = []
        choices = data.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            delta = choice.get("delta") if isinstance(choice, dict) else None
            if not isinstance(delta, dict):
                continue
            pieces = delta.get("tool_calls")
            for piece in pieces if isinstance(pieces, list) else ():
                if isinstance(piece, dict):
                    self._add(piece)
            thoughts += [delta[name] for name in THOUGHTS if isinstance(delta.get(name), str)][:1]
        return "".join(thoughts)

    def whole(self) -> tuple[dict[str, Any], ...]:
        return tuple(self._calls[index] for index in sorted(self._calls))

    def _add(self, piece: dict[str, Any]) -> None:
        index = piece.get("index")
        index = index if isinstance(index, int) else len(self._calls)
        if index not in self._calls and len(self._calls) >= MOST:
            return
        empty = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        call = self._calls.setdefault(index, empty)
        if isinstance(piece.get("id"), str):
            call["id"] = storable(piece["id"])
        function = piece.get("function")
        if isinstance(function, dict):
            for name in ("name", "arguments"):
                if isinstance(function.get(name), str):
                    call["function"][name] += storable(function[name])
