"""Bodies of callers: what passes, and which field is named when one does not."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.errors import Invalid, Malformed
from apps.providers.domain.requests import (
    CHAT,
    COMPLETION,
    EMBEDDINGS,
    FORBIDDEN,
    MESSAGES,
    check_body,
)

HELLO = [{"role": "user", "content": "Hello"}]
GOOD = {"model": "m", "messages": HELLO}


def wrong(
    body: Any, known: Any = CHAT, required: tuple[str, ...] = ("model", "messages")
) -> list[str]:
    """The fields that are named."""
    try:
        check_body(body, known, required)
    except Invalid as error:
        return [field.field for field in error.fields]
    return []


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"temperature": 0, "top_p": 1.0, "n": 1, "max_tokens": 1, "stop": "a", "user": "ada"},
        {"stop": ["a", "b"], "stream": True, "stream_options": {"include_usage": True}},
        {"temperature": None, "max_tokens": None, "tools": None, "stop": None},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"response_format": {"type": "json_object"}, "logit_bias": {"5": 1}},
        {"something_new": {"deep": [1]}, "guided_json": {}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]},
        {"messages": [{"role": "tool", "tool_call_id": "1", "content": "4"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
    ],
)
def test_a_good_body_passes_as_it_is(more: dict[str, Any]) -> None:
    body = {**GOOD, **more}

    assert check_body(body, CHAT, ("model", "messages")) is body


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 7}, "model"),
        ({"model": "m" * 201}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["hi"]}, "messages.0"),
        ({"messages": [*HELLO, {"content": "x"}]}, "messages.1.role"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content"),
        ({"messages": [{"role": "assistant", "tool_calls": "x"}]}, "messages.0.tool_calls"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 1.5}, "n"),
        ({"n": 129}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"user": 5}, "user"),
        ({"user": "u" * 256}, "user"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"seed": 0.5}, "seed"),
        ({"logit_bias": []}, "logit_bias"),
        ({"provider": {}}, "provider"),
    ],
)
def test_a_wrong_field_is_named(more: dict[str, Any], field: str) -> None:
    assert wrong({**GOOD, **more}) == [field]


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
@pytest.mark.parametrize("value", ["http://127.0.0.1:9/", {}, None])
def test_nobody_leads_a_call_elsewhere(name: str, value: Any) -> None:
    assert wrong({**GOOD, name: value}) == [name]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert wrong({"messages": HELLO, "n": 0, "stream": 5, "api_base": ""}) == [
        "model",
        "api_base",
        "n",
        "stream",
    ]


@pytest.mark.parametrize("body", [None, [], "x", 7, True])
def test_a_body_that_is_no_object_is_malformed(body: Any) -> None:
    with pytest.raises(Malformed):
        check_body(body, CHAT, ("model",))


@pytest.mark.parametrize(
    ("value", "is_good"),
    [
        ("a", True),
        (["a", "b"], True),
        ([1, 2], True),
        ([[1], [2, 3]], True),
        ("", False),
        ([], False),
        ([[]], False),
        ([1, "a"], False),
        ([True], False),
        ([[1, "a"]], False),
        ({"a": 1}, False),
        (5, False),
        (["a"] * 2049, False),
    ],
)
def test_prompts_and_inputs(value: Any, is_good: bool) -> None:
    expected = [] if is_good else ["prompt"]

    assert wrong({"model": "m", "prompt": value}, COMPLETION, ("model", "prompt")) == expected
    embedding = wrong({"model": "m", "input": value}, EMBEDDINGS, ("model", "input"))
    assert embedding == ([] if is_good else ["input"])


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"system": 5}, "system"),
        ({"top_k": -1}, "top_k"),
        ({"stop_sequences": "a"}, "stop_sequences"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"metadata": []}, "metadata"),
    ],
)
def test_anthropic_s_wrong_fields_are_named(more: dict[str, Any], field: str) -> None:
    body = {"model": "m", "max_tokens": 9, "messages": HELLO, **more}

    assert wrong(body, MESSAGES, ("model", "max_tokens", "messages")) == [field]


def test_anthropic_s_good_body_passes() -> None:
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": HELLO,
        "system": [{"type": "text", "text": "Be brief."}],
        "tools": [{"name": "f", "input_schema": {}}],
        "tool_choice": {"type": "auto"},
    }

    assert wrong(body, MESSAGES, ("model", "max_tokens", "messages")) == []
