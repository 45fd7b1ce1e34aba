"""`deny_list`: words and phrases that a route does not let through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from apps.core.errors import Invalid
from apps.providers.domain.guardrails.protocol import (
    ON,
    read_choice,
    read_choices,
    refuse_unknown,
)
from apps.providers.errors import GuardrailRefused

ACTIONS = ("refuse", "mask")
MOST_WORDS = 500
LONGEST_WORD = 100


class DenyList:
    """Compares whole words without regard to case; spaces in a phrase stand for any run of white space."""

    def __init__(self, words: list[str], *, masks: bool) -> None:
        self.reach = max(map(len, words)) + 16
        longest_first = sorted(words, key=len, reverse=True)
        self._found = re.compile(
            rf"(?<!\w)(?:{'|'.join(map(_expression, longest_first))})(?!\w)", re.IGNORECASE
        )
        self._masks = masks

    def check(self, text: str) -> str:
        if self._masks:
            return self._found.sub("[…]", text)
        if self._found.search(text):
            # Not which: whoever is refused must not learn the list word by word.
            raise GuardrailRefused("The text holds what this model's route does not let through.")
        return text


def make(options: Mapping[str, Any]) -> DenyList:
    refuse_unknown(options, ("words", "action", "on"))
    read_choices(options, "on", ON)
    action = read_choice(options, "action", ACTIONS)
    words = options.get("words")
    if not isinstance(words, list) or not 0 < len(words) <= MOST_WORDS:
        raise Invalid.field("words", f"must be a list of 1 to {MOST_WORDS} words", "length")
    for index, word in enumerate(words):
        if not isinstance(word, str) or not 0 < len(word.strip()) <= LONGEST_WORD:
            message = f"must be a word or phrase of at most {LONGEST_WORD} characters"
            raise Invalid.field(f"words.{index}", message, "length")
    return DenyList([word.strip() for word in words], masks=action == "mask")


def _expression(word: str) -> str:
    return r"\s{1,4}".join(map(re.escape, word.split()))
