"""How many tokens a text is, without anybody's tokenizer: an estimate, and a bound that is never too low.

An estimate is marked as one wherever it ends up; what the upstream says it counted always wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

BYTES_PER_TOKEN = 4
MESSAGE_TOKENS = 4
"""What a chat template spends around each message."""
IMAGE_TOKENS = 1000
"""About what vision models count for a picture of usual size."""
PICTURES = ("image", "image_url", "input_image")  # no sets: a schema's type may be a list
SEEN_OR_HEARD = (*PICTURES, "input_audio")
# Scripts in which tokenizers spend about a token for each character: Chinese, Japanese, Korean, and those of South and
# South-East Asia that common vocabularies hold few words of.
_DENSE = re.compile(
    "[\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)


def estimate_text(text: str) -> int:
    """Bytes by four where letters are Latin, a token for each character of dense scripts, two bytes a token between."""
    if not text:
        return 0
    if text.isascii():
        return -(-len(text) // BYTES_PER_TOKEN)
    dense = len(_DENSE.findall(text))
    others = len(text) - dense
    size = len(text.encode("utf-8", "replace")) - 3 * dense
    # Cyrillic, Greek, Arabic and Hebrew take two bytes a letter and about half a token; emoji four bytes, two tokens.
    return dense + max(-(-others // BYTES_PER_TOKEN), -(-size // BYTES_PER_TOKEN), 0)


def bound_text(text: str) -> int:
    """Never fewer than any byte-level tokenizer makes of it: one token a byte is its worst."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def estimate_prompt(body: dict[str, Any]) -> int:
    """What a body in either dialect asks a model to read."""
    return sum(map(estimate_text, _texts(body))) + _around(body)


def bound_prompt(body: dict[str, Any]) -> int:
    """What the prompt can be at most, for a reservation that must hold."""
    return sum(map(bound_text, _texts(body))) + 4 * _around(body)


def _around(body: dict[str, Any]) -> int:
    messages = body.get("messages")
    count = len(messages) if isinstance(messages, list) else 0
    return count * MESSAGE_TOKENS + 3 + IMAGE_TOKENS * _count_images(messages)


def _count_images(messages: Any) -> int:
    if not isinstance(messages, list):
        return 0
    return sum(
        1
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for part in message["content"]
        if isinstance(part, dict) and part.get("type") in PICTURES
    )


def _texts(body: dict[str, Any]) -> Iterator[str]:
    for name in ("messages", "prompt", "suffix", "input", "system"):
        if (value := body.get(name)) is not None:
            yield from _strings(value, with_names=False)
    for name in ("tools", "functions", "response_format"):
        if (value := body.get(name)) is not None:
            yield from _strings(value, with_names=True)  # the model reads a schema's names too


def _strings(value: Any, *, with_names: bool) -> Iterator[str]:
    """Every string within, apart from pictures; token ids count as a short one each."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as item:
                if item.get("type") in SEEN_OR_HEARD:
                    continue
                waiting += item.values()
                if with_names:
                    waiting += item
            case list() as items:
                waiting += items
            case bool() | None:
                pass
            case int() | float():
                yield "0"
