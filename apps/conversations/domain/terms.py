"""What may be said of a conversation: title, tags, system prompt, parameters, context. Pure checks; `Invalid` names
the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from apps.conversations.enums import Trimming, Verdict, Visibility
from apps.core.errors import FieldError, Invalid
from apps.core.json import shown
from apps.core.text import clean_line
from apps.providers.domain import requests

LONGEST_TITLE = 255
LONGEST_TAG = 50
MOST_TAGS = 20
LONGEST_PROMPT = 100_000
LONGEST_MESSAGE = 200_000
LONGEST_COMMENT = 2_000
LEAST_CONTEXT, MOST_CONTEXT = 256, 10_000_000
LONGEST_STOP = 200
PARAMETERS = (
    "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "presence_penalty",
    "frequency_penalty", "seed", "reasoning_effort",
)  # fmt: skip
"""Of the gateway's fields those that say how an answer is sampled; all else of the call is ours to say."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Word = TypeVar("Word", Visibility, Trimming, Verdict)


def check_title(value: Any) -> str:
    """Empty and None take a title away."""
    if value is None or value == "":
        return ""
    return clean_line(_text(value, "title"), field="title", longest=LONGEST_TITLE)


def check_text(value: Any, field: str, *, longest: int, may_be_empty: bool = False) -> str:
    """A text of many lines, as it is. A door's reader has refused NUL and halves of pairs already, but not every door's."""
    text = _text(value, field)
    if _UNSTORABLE.search(text):
        raise Invalid.field(field, "holds a NUL or half a surrogate pair", "unstorable")
    if len(text) > longest:
        raise Invalid.field(field, f"may have {longest} characters", "max_length")
    if not may_be_empty and not text.strip():
        raise Invalid.field(field, "must say something", "blank")
    return text


def check_tags(value: Any) -> list[str]:
    """Each once, in the order given."""
    if not isinstance(value, list | tuple):
        raise Invalid.field("tags", "must be a list of strings", "not_a_list")
    if len(value) > MOST_TAGS:
        raise Invalid.field("tags", f"may have {MOST_TAGS} entries", "max_length")
    cleaned = [
        clean_line(_text(tag, f"tags.{index}"), field=f"tags.{index}", longest=LONGEST_TAG)
        for index, tag in enumerate(value)
    ]
    return list(dict.fromkeys(cleaned))


def check_parameters(value: Any) -> dict[str, Any]:
    """Known fields in the gateway's own ranges; None takes one away."""
    if not isinstance(value, Mapping):
        raise Invalid.field("parameters", "must be an object", "not_a_dict")
    wrong = [
        FieldError(f"parameters.{shown(str(name))}", said, "parameter")
        for name, each in value.items()
        if (said := _wrong_parameter(name, each)) is not None
    ]
    if wrong:
        raise Invalid(fields=wrong[: requests.MOST_WRONG])
    return {name: each for name, each in value.items() if each is not None}


def check_context_tokens(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Invalid.field("context_tokens", "must be a whole number", "invalid")
    if not LEAST_CONTEXT <= value <= MOST_CONTEXT:
        said = f"must be {LEAST_CONTEXT} to {MOST_CONTEXT}"
        raise Invalid.field("context_tokens", said, "range")
    return value


def check_word(value: Any, field: str, words: type[Word]) -> Word:
    try:
        return words(value)
    except ValueError:
        said = f"must be one of {', '.join(words)}"
        raise Invalid.field(field, said, "choice") from None


def check_flag(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise Invalid.field(field, "must be true or false", "invalid")
    return value


def _wrong_parameter(name: Any, value: Any) -> str | None:
    if name not in PARAMETERS:
        return f"is not a parameter here; these are: {', '.join(PARAMETERS)}"
    if value is None:
        return None
    said = requests.CHAT[name](value)
    if said is not None:
        return said
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if any(len(text) > LONGEST_STOP or _UNSTORABLE.search(text) for text in texts):
        return f"must be of at most {LONGEST_STOP} plain characters"
    return None


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise Invalid.field(field, "must be a string", "type")
    return value
