"""Reading what a model's name asks of the fake."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Mode:
    name: str
    options: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        return self.options.get(name, default)

    def number(self, name: str, default: float = 0) -> float:
        return float(self.options.get(name, default))

    def count(self, name: str, default: int = 0) -> int:
        return int(self.options.get(name, default))


def read_mode(model: str) -> Mode:
    name, _, rest = model.partition("?")
    return Mode(name, dict(parse_qsl(rest, keep_blank_values=True)))


def words_of(mode: Mode) -> list[str]:
    """The answer, cut into what counts as a token here: words, each with the space before it."""
    text = mode.text("text")
    if letters := mode.count("letters"):
        return [text[at : at + letters] for at in range(0, len(text), letters)]
    if text:
        return re.findall(r"\s*\S+", text)
    words = [f"word{n}" for n in range(mode.count("tokens", 5))]
    return [word if index == 0 else f" {word}" for index, word in enumerate(words)]
