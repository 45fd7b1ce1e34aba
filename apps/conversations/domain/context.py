"""What of a conversation a model is given: as much as its context holds, newest first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.providers.domain.tokens import IMAGE_TOKENS, MESSAGE_TOKENS, estimate_text

AROUND = 8
"""Tokens of the frame of a whole prompt."""
LEAST_BUDGET = 256
"""However small a context is said to be: less than this is a mistake of whoever said it."""
ROOM_SHARE = 4
"""An answer of which nobody said how long it may be is left a quarter of the context."""
KEPT_SHARE = 2
"""Of the budget, what is left to messages when those before are summed up: half, so that it is not done at each turn."""


@dataclass(frozen=True, slots=True)
class Picture:
    media_type: str
    data: str
    """Base64."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A message as a model reads it."""

    pk: int
    role: str
    content: str
    pictures: tuple[Picture, ...] = ()
    files: tuple[dict[str, Any], ...] = ()
    """Attached, and not read yet."""

    @property
    def tokens(self) -> int:
        return estimate_text(self.content) + MESSAGE_TOKENS + IMAGE_TOKENS * len(self.pictures)


@dataclass(frozen=True, slots=True)
class Window:
    """What goes up. `left_out` are the older ones that do not, oldest first."""

    kept: tuple[Turn, ...]
    left_out: tuple[Turn, ...]
    tokens: int


def budget_of(
    *, context_tokens: int | None, asked: int | None, answer: int | None, most_answer: int | None
) -> int | None:
    """Tokens a prompt may have: the model's context, or what the conversation asks for, less the answer's room.

    `asked` is the conversation's own bound on what the model reads; it is a bound on the prompt alone.
    """
    bounds = [] if asked is None else [asked]
    if context_tokens is not None:
        room = answer or min(most_answer or context_tokens, context_tokens // ROOM_SHARE)
        bounds.append(context_tokens - room)
    return max(LEAST_BUDGET, min(bounds)) if bounds else None


def fit(turns: Sequence[Turn], *, system: str, budget: int | None) -> Window:
    """Leave out whole messages, the oldest first, never what the last person said or what came after it."""
    costs = [turn.tokens for turn in turns]
    around = AROUND + (estimate_text(system) + MESSAGE_TOKENS if system else 0)
    total = around + sum(costs)
    must_stay = _last_question(turns)
    start = 0
    if budget is not None:
        while total > budget and start < must_stay:
            total -= costs[start]
            start += 1
        # An answer whose question is gone says little, and some models want a person to speak first.
        while 0 < start < must_stay and turns[start].role != "user":
            total -= costs[start]
            start += 1
    return Window(tuple(turns[start:]), tuple(turns[:start]), total)


def _last_question(turns: Sequence[Turn]) -> int:
    for index in range(len(turns) - 1, -1, -1):
        if turns[index].role == "user":
            return index
    return 0


def with_summary(system: str, summary: str) -> str:
    """The system message when older messages are given in short."""
    told = f"What was said before, in short:\n{summary}"
    return f"{system}\n\n{told}" if system else told


SUMMARY_SYSTEM = (
    "Sum up the conversation below for somebody who goes on with it: facts, decisions, names, numbers, open questions. "
    "Write at most 300 words, in its language, and nothing else."
)


def summary_request(turns: Sequence[Turn], before: str) -> list[dict[str, Any]]:
    """The messages of the call that sums up."""
    lines = [f"Summary of what came earlier:\n{before}"] if before else []
    lines += [f"{turn.role}: {turn.content}" for turn in turns]
    return [
        {"role": "system", "content": SUMMARY_SYSTEM},
        {"role": "user", "content": "\n\n".join(lines)},
    ]


def messages_of(turns: Sequence[Turn], *, system: str) -> list[dict[str, Any]]:
    """In OpenAI's words."""
    said: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    return said + [_message(turn) for turn in turns]


def _message(turn: Turn) -> dict[str, Any]:
    if not turn.pictures:
        return {"role": turn.role, "content": turn.content}
    parts: list[dict[str, Any]] = [{"type": "text", "text": turn.content}] if turn.content else []
    parts += [
        {"type": "image_url", "image_url": {"url": f"data:{one.media_type};base64,{one.data}"}}
        for one in turn.pictures
    ]
    return {"role": turn.role, "content": parts}
