"""Bytes of upstreams read as JSON, and requests to them written. Nothing here raises anything but `UpstreamInvalid`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from apps.providers.domain.calls import Usage
from apps.providers.errors import UpstreamInvalid

MOST_DEPTH = 100
"""Deeper answers are none: the writer of JSON gives up at 254, and somebody walks every value."""
MOST_TOKENS = 10**9
JSON_HEADERS = {"content-type": "application/json", "accept": "application/json"}
STREAM_HEADERS = {"content-type": "application/json", "accept": "text/event-stream"}


def read_object(data: bytes) -> dict[str, Any]:
    """The JSON object these bytes are. An upstream's answer, so the fast reader will do: nothing of it is a key of ours."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UpstreamInvalid from None
    if not isinstance(value, dict):
        raise UpstreamInvalid("The provider's answer is no JSON object.")
    if data.count(b"{") + data.count(b"[") > MOST_DEPTH:
        _refuse_deep(value)
    return value


def read_list(value: Any, name: str) -> list[dict[str, Any]]:
    """A list of objects within an answer."""
    if isinstance(value, list):
        for item in value:
            if not isinstance(item, dict):
                break
        else:
            return value
    raise UpstreamInvalid(f"The provider's answer has no readable {name!r}.")


def read_text(value: Any, name: str) -> str:
    """A text within an answer; null is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UpstreamInvalid(f"The provider's answer has no readable {name!r}.")
    return value


def read_dict(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UpstreamInvalid(f"The provider's answer has no readable {name!r}.")
    return value


def count(value: Any) -> int | None:
    """A number of tokens, if it is one that can be believed."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS:
        return value
    return None


def usage_of(prompt: Any, completion: Any, cached: Any = None) -> Usage | None:
    """None when the prompt's or the answer's count cannot be believed: an estimate is better than a wrong bill."""
    prompt_tokens, completion_tokens = count(prompt), count(completion)
    if prompt_tokens is None or completion_tokens is None:
        return None
    return Usage(prompt_tokens, completion_tokens, min(count(cached) or 0, prompt_tokens))


@lru_cache(maxsize=1024)
def root_of(base_url: str, version: str, *suffixes: str) -> str:
    """The address that paths are added to. `version` is added to an address without a path; `suffixes` are cut off."""
    parts = urlsplit(base_url)
    path = parts.path.rstrip("/")
    for suffix in suffixes:
        path = path.removesuffix(suffix)
    return urlunsplit((parts.scheme, parts.netloc, path or version, "", ""))


def _refuse_deep(value: Any) -> None:
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise UpstreamInvalid("The provider's answer is nested too deep.")
