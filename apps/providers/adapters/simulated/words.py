"""What a simulated model says: words by lot from a seed, and vectors of words."""

from __future__ import annotations

import hashlib
import math
import random
import re
import struct

MARK = "[simulated]"
WORDS = [
    "signal",
    "box",
    "lever",
    "track",
    "points",
    "home",
    "distant",
    "block",
    "section",
    "train",
    "express",
    "goods",
    "shunt",
    "siding",
    "platform",
    "whistle",
    "guard",
    "driver",
    "lamp",
    "green",
    "amber",
    "red",
    "clear",
    "line",
    "junction",
    "branch",
    "main",
    "loop",
    "yard",
    "bell",
    "code",
    "frame",
    "interlock",
    "route",
    "waits",
    "passes",
    "leaves",
    "arrives",
    "holds",
    "sets",
    "turns",
    "locks",
    "frees",
    "follows",
    "the",
    "a",
    "each",
    "every",
    "one",
    "next",
    "last",
    "slow",
    "fast",
    "early",
    "late",
    "safe",
    "long",
    "short",
    "quiet",
    "before",
    "after",
    "under",
    "over",
    "along",
    "between",
    "until",
    "while",
    "then",
    "here",
    "there",
]  # a text to read, not seventy quoted words


def say(lot: random.Random, tokens: int) -> list[str]:
    """So many tokens of made-up text, each with the space before it; the first says what this is."""
    said = [MARK]
    starts = True
    while len(said) < tokens:
        word = lot.choice(WORDS)
        ends = lot.random() < 0.12
        said.append(f" {word.capitalize() if starts else word}{'.' if ends else ''}")
        starts = ends
    return said[:tokens]


def split(text: str) -> list[str]:
    """A given text as tokens that join to it again."""
    return re.findall(r"\s*\S{1,8}|\s+$", text) or ([text] if text else [])


def embed(text: str, dimensions: int, seed: int) -> list[float]:
    """A unit vector, the sum of its words': texts that share words lie near each other."""
    sums = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()) or [""]:
        for index, part in enumerate(_word_vector(word, dimensions, seed)):
            sums[index] += part
    length = math.sqrt(sum(part * part for part in sums)) or 1.0
    return [round(part / length, 7) for part in sums]


def _word_vector(word: str, dimensions: int, seed: int) -> list[float]:
    key = hashlib.blake2b(f"{seed}:{word}".encode("utf-8", "replace"), digest_size=8).digest()
    lot = random.Random(struct.unpack("<q", key)[0])  # noqa: S311  # made up on purpose
    return [lot.uniform(-1, 1) for _ in range(dimensions)]
