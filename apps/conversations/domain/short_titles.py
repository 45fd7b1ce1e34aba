"""Asking a model what a conversation is about, and what may be kept of its answer. Pure."""

from __future__ import annotations

import re
from typing import Any

from apps.conversations.domain.titles import title_from

MOST_WORDS = 5
LONGEST_EXCERPT = 2000
MOST_TOKENS = 200
"""Room for a thought before the title; the title itself is short."""
ASK = (
    "Write a title of at most five words for the conversation below, in its language. "
    "Answer with the title alone: no quotes, no full stop."
)

_THOUGHTS = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_LABEL = re.compile(r"^\s*(title|titel|titre|título)\s*:\s*", re.IGNORECASE)
_AROUND = "\"'“”‘’«»„`*_#.:;-– "


def request_for(asked: str, answered: str) -> list[dict[str, Any]]:
    """The messages of the call."""
    told = f"User: {asked[:LONGEST_EXCERPT]}"
    if answered:
        told += f"\n\nAssistant: {answered[:LONGEST_EXCERPT]}"
    return [{"role": "system", "content": ASK}, {"role": "user", "content": told}]


def title_of(answer: str) -> str:
    """One line of at most five words; empty when the model said nothing."""
    for line in _THOUGHTS.sub("", answer).splitlines():
        words = _LABEL.sub("", title_from(line)).strip(_AROUND).split()
        if words:
            return " ".join(words[:MOST_WORDS]).rstrip(",;:-– ")
    return ""
