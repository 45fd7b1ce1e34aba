"""What one viewer is told of an answer, from where they have come to until its end: every character once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.conversations.domain.answers import Ending
from apps.conversations.domain.positions import Position
from apps.conversations.enums import MessageStatus
from apps.conversations.generations.transcripts import Transcript
from apps.providers.gateway.trace import NANO


@dataclass(frozen=True, slots=True)
class Told:
    """One event. `position` is its id: whoever comes back with it is told what lies behind."""

    name: str
    data: dict[str, Any]
    position: Position


class Viewer:
    """`next` answers events until `is_over`. Safe to leave at any time; then `close` it."""

    def __init__(
        self,
        transcript: Transcript,
        after: Position | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.transcript = transcript
        self._on_close = on_close
        self._content = after.content if after else 0
        self._reasoning = after.reasoning if after else 0
        if transcript.is_ours or transcript.ending is not None:
            self._step_back()
        self._known = after if after and transcript.ending and not self._is_behind() else None
        self._has_started = False
        self.is_left = False
        self.is_over = self._known is not None and self._known.is_end
        self._last: list[Told] = []

    async def next(self, seconds: float | None = None) -> Told | None:
        """The next event; None when nothing happened for so long, and after the last."""
        while not self.is_over:
            if (told := self._tell()) is not None:
                return told
            if not await self.transcript.wait(seconds) or self.is_left:
                return None
        return None

    def leave(self) -> None:
        """Let whoever waits in `next` go, though nothing has happened."""
        self.is_left = True
        self.transcript.changed()

    def close(self) -> None:
        self.is_over = True
        leave, self._on_close = self._on_close, None
        if leave is not None:
            leave()

    def _tell(self) -> Told | None:
        if not self._has_started:
            return self._start()
        transcript = self.transcript
        if piece := transcript.reasoning.since(self._reasoning):
            self._reasoning += len(piece)
            return self._told("reasoning", {"content": piece})
        if piece := transcript.content.since(self._content):
            self._content += len(piece)
            return self._told("token", {"content": piece})
        if transcript.ending is None:
            return None
        return self._end(transcript.ending)

    def _start(self) -> Told | None:
        transcript = self.transcript
        if not transcript.has_begun:
            return None
        self._has_started = True
        data: dict[str, Any] = {
            "status": "processing",
            "messageId": transcript.message,
            "offset": self._content,
        }
        if transcript.context:
            data["context"] = transcript.context
        return self._told("start", data)

    def _end(self, ending: Ending) -> Told:
        self._step_back()
        known = self._known
        stage, data = next(
            each for each in self._stages(ending) if known is None or not known.has_passed(each[0])
        )
        told = self._told(stage, data, stage)
        self._known, self.is_over = told.position, told.position.is_end
        return told

    def _stages(self, ending: Ending) -> list[tuple[str, dict[str, Any]]]:
        stages: list[tuple[str, dict[str, Any]]] = []
        if ending.tool_calls:
            stages.append(("tool_calls", {"tool_calls": list(ending.tool_calls)}))
        if ending.prompt_tokens is not None:
            stages.append(("usage", usage_of(ending)))
        stages.append(last_word(self.transcript.message, ending, self._content))
        return stages

    def _step_back(self) -> None:
        """Who has seen more than there is saw what a process wrote in its last moment, and is told where we are.

        A row that another process still writes may only be late.
        """
        self._content = min(self._content, len(self.transcript.content))
        self._reasoning = min(self._reasoning, len(self.transcript.reasoning))

    def _is_behind(self) -> bool:
        transcript = self.transcript
        return self._content < len(transcript.content) or self._reasoning < len(
            transcript.reasoning
        )

    def _told(self, name: str, data: dict[str, Any], stage: str = "") -> Told:
        place = Position(self.transcript.message, self._content, self._reasoning, stage)
        return Told(name, data, place)


def usage_of(ending: Ending) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "prompt": ending.prompt_tokens or 0,
        "completion": ending.completion_tokens or 0,
    }
    if ending.cost_nano is not None:
        usage["cost"] = ending.cost_nano / NANO
    return usage


def last_word(message: str, ending: Ending, offset: int) -> tuple[str, dict[str, Any]]:
    if ending.is_good:
        data = {
            "messageId": message,
            "totalTokens": ending.total_tokens,
            "status": ending.status.value,
            "finishReason": ending.finish_reason or None,
        }
        return "done", data
    status = MessageStatus(ending.status)
    return "error", {
        "message": ending.error_message,
        "code": ending.error_code,
        "messageId": message,
        "status": status.value,
        "offset": offset,
    }
