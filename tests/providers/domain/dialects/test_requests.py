"""Requests between the two dialects: each part where it belongs, what has no place left out or refused, and back again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import AppError, Invalid
from apps.providers.domain.calls import Call
from apps.providers.domain.dialects import anthropic_requests, openai_requests
from apps.providers.domain.dialects.translation import translate
from apps.providers.enums import Dialect, Operation
from apps.providers.errors import NotOffered

pytestmark = pytest.mark.unit
USER = [{"role": "user", "content": "Hello"}]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
LINK = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
FILE = {
    "type": "file",
    "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
OPENAI_TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells it.", "parameters": SCHEMA},
}
ANTHROPIC_TOOL = {"name": "weather", "description": "Tells it.", "input_schema": SCHEMA}


def call_of(name: str, arguments: str) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": "weather", "arguments": arguments}}


def test_openai_talk_becomes_anthropics() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "And kind."}]},
            {"role": "user", "content": [{"type": "text", "text": "Look"}, IMAGE, LINK, FILE]},
            {
                "role": "assistant",
                "content": "I'll see.",
                "tool_calls": [call_of("c1", '{"city":"Paris"}'), call_of("c2", "{broken")],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
            {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "none"}]},
            {"role": "user", "content": "And now?"},
        ],
        "max_completion_tokens": 50,
        "temperature": 1.5,
        "top_p": 0.9,
        "stop": ["END", " "],
        "tools": [OPENAI_TOOL],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "user": "u1",
        "logit_bias": {},
        "presence_penalty": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
        "metadata": {"a": "b"},
        "top_k": 5,
    }

    assert openai_requests.translate(body) == {
        "model": "m",
        "system": "Be brief.\n\nAnd kind.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
                    },
                    {
                        "type": "image",
                        "source": {"type": "url", "url": "https://example.com/a.png"},
                    },
                    {
                        "type": "document",
                        "source": {
                            "type": "base64",
                            "media_type": "application/pdf",
                            "data": "AAAA",
                        },
                        "title": "a.pdf",
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I'll see."},
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}},
                    {
                        "type": "tool_use",
                        "id": "c2",
                        "name": "weather",
                        "input": {"arguments": "{broken"},
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "sunny"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "c2",
                        "content": [{"type": "text", "text": "none"}],
                    },
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        "max_tokens": 50,
        "temperature": 1,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "tools": [ANTHROPIC_TOOL],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "metadata": {"user_id": "u1"},
        "stream": True,
        "top_k": 5,
    }


@pytest.mark.parametrize(
    ("openai", "anthropic"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
            {"type": "tool", "name": "weather"},
        ),
        (
            {"tool_choice": "auto", "parallel_tool_calls": False},
            {"type": "auto", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_tool_choice_both_ways(openai: dict[str, Any], anthropic: dict[str, Any]) -> None:
    there = openai_requests.translate({"messages": USER, "tools": [OPENAI_TOOL], **openai})
    back = anthropic_requests.translate(
        {"messages": USER, "tools": [ANTHROPIC_TOOL], "tool_choice": anthropic}
    )

    assert there["tool_choice"] == anthropic
    assert {name: back[name] for name in openai} == openai
    assert back["tools"] == [OPENAI_TOOL]


def test_older_functions_become_tools() -> None:
    body = {
        "messages": [
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "f", "arguments": "{}"},
            },
            {"role": "function", "name": "f", "content": "done"},
        ],
        "functions": [{"name": "f"}],
        "function_call": {"name": "f"},
    }

    made = openai_requests.translate(body)

    assert made["tools"] == [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]
    assert made["tool_choice"] == {"type": "tool", "name": "f"}
    assert (
        made["messages"][0]["content"][0]["id"] == made["messages"][1]["content"][0]["tool_use_id"]
    )


@pytest.mark.parametrize(
    ("asked", "default", "bound"),
    [
        ({}, None, 4096),
        ({}, 800, 800),
        ({"max_tokens": 7}, 800, 7),
        ({"max_tokens": None}, None, 4096),
    ],
)
def test_anthropic_always_gets_a_bound(
    asked: dict[str, Any], default: int | None, bound: int
) -> None:
    made = openai_requests.translate({"messages": USER, **asked}, max_tokens=default)

    assert made["max_tokens"] == bound


def test_shape_of_the_answer_both_ways() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}

    there = openai_requests.translate({"messages": USER, "response_format": wanted})
    plain = openai_requests.translate(
        {"messages": USER, "response_format": {"type": "json_object"}}
    )

    assert there["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert anthropic_requests.translate(there)["response_format"] == wanted
    assert plain["system"] == openai_requests.JSON_PLEASE


@pytest.mark.parametrize(
    ("more", "budget"),
    [
        ({"reasoning_effort": "low", "max_tokens": 9000}, 1024),
        ({"reasoning_effort": "high", "max_tokens": 9000}, 8999),
        ({"reasoning_effort": "low", "max_tokens": 1000}, None),
        ({"reasoning_effort": "none", "max_tokens": 9000}, None),
        ({"reasoning_effort": "low", "tools": [OPENAI_TOOL], "tool_choice": "required"}, None),
        (
            {
                "reasoning_effort": "low",
                "messages": [*USER, {"role": "assistant", "tool_calls": [call_of("c", "{}")]}],
            },
            None,
        ),
    ],
)
def test_effort_becomes_thinking_where_anthropic_allows_it(
    more: dict[str, Any], budget: int | None
) -> None:
    made = openai_requests.translate({"messages": USER, "temperature": 0, **more})

    expected = None if budget is None else {"type": "enabled", "budget_tokens": budget}
    assert made.get("thinking") == expected
    assert "reasoning_effort" not in made


def test_thoughts_go_back_to_who_had_them() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    message = {"role": "assistant", "content": "Yes", "thinking_blocks": [thought]}

    made = openai_requests.translate({"messages": [*USER, message]})

    assert made["messages"][1]["content"] == [thought, {"type": "text", "text": "Yes"}]


def test_cache_marks_are_kept_where_they_have_a_place() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    body = {
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Long.", **mark}]},
            {"role": "user", "content": [{"type": "text", "text": "Hi", **mark}]},
        ],
        "tools": [{**OPENAI_TOOL, **mark}],
    }

    made = openai_requests.translate(body)

    assert made["system"] == [{"type": "text", "text": "Long.", **mark}]
    assert made["messages"][0]["content"] == [{"type": "text", "text": "Hi", **mark}]
    assert made["tools"] == [{**ANTHROPIC_TOOL, **mark}]


def test_anthropic_talk_becomes_openais() -> None:
    picture = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
    }
    body = {
        "model": "m",
        "max_tokens": 50,
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "And kind."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Look"}, picture]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                    {"type": "text", "text": "I'll see."},
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "content": [{"type": "text", "text": "sunny"}, picture],
                    },
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        "stop_sequences": ["a", "b", "c", "d", "e"],
        "metadata": {"user_id": "u1"},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "stream": True,
        "temperature": 0.5,
        "unknown": 1,
    }

    assert anthropic_requests.translate(body) == {
        "model": "m",
        "max_tokens": 50,
        "messages": [
            {"role": "system", "content": "Be brief.\n\nAnd kind."},
            {"role": "user", "content": [{"type": "text", "text": "Look"}, IMAGE]},
            {
                "role": "assistant",
                "content": "I'll see.",
                "tool_calls": [call_of("c1", '{"city":"Paris"}')],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
            {"role": "user", "content": [IMAGE, {"type": "text", "text": "And now?"}]},
        ],
        "stop": ["a", "b", "c", "d"],
        "user": "u1",
        "stream": True,
        "temperature": 0.5,
        "unknown": 1,
    }


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"messages": USER, "n": 2}, NotOffered),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, NotOffered),
        ({"messages": USER, "tools": [{"type": "web_search"}]}, NotOffered),
        ({"messages": "Hello"}, Invalid),
        ({"messages": [{"role": "nobody", "content": "x"}]}, Invalid),
        ({"messages": [{"role": "user", "content": 5}]}, Invalid),
        ({"messages": USER, "tools": [OPENAI_TOOL], "tool_choice": 5}, Invalid),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, Invalid),
    ],
)
def test_what_anthropic_cannot_take_is_said(body: dict[str, Any], error: type[AppError]) -> None:
    with pytest.raises(error):
        openai_requests.translate(body)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"messages": USER, "tools": [{"type": "web_search_20250305", "name": "w"}]}, NotOffered),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, NotOffered),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "server_tool_use"}]}]},
            NotOffered,
        ),
        ({"messages": [{"role": "system", "content": "x"}]}, Invalid),
        ({"messages": [{"role": "user", "content": None}]}, Invalid),
        ({"messages": USER, "tools": [ANTHROPIC_TOOL], "tool_choice": {"type": "x"}}, Invalid),
        ({"messages": USER, "system": 5}, Invalid),
    ],
)
def test_what_openai_cannot_take_is_said(body: dict[str, Any], error: type[AppError]) -> None:
    with pytest.raises(error):
        anthropic_requests.translate(body)


def test_translate_does_nothing_between_those_who_speak_alike() -> None:
    call = Call(Operation.CHAT, Dialect.OPENAI, "m", {"messages": USER})

    assert translate(call, Dialect.OPENAI, created=0) is None


def test_completion_at_anthropic_is_what_a_user_says() -> None:
    call = Call(
        Operation.COMPLETION,
        Dialect.OPENAI,
        "m",
        {"prompt": ["Once"], "max_tokens": 5, "echo": True},
    )

    translation = translate(call, Dialect.ANTHROPIC, created=0)

    assert translation is not None
    assert translation.operation is Operation.CHAT
    assert translation.body == {"messages": [{"role": "user", "content": "Once"}], "max_tokens": 5}


def test_embeddings_at_anthropic_are_not_offered() -> None:
    with pytest.raises(NotOffered):
        translate(Call(Operation.EMBEDDINGS, Dialect.OPENAI, "m", {}), Dialect.ANTHROPIC, created=0)


# ---- there and back

texts = st.text(min_size=1, max_size=20)
names = st.text("abc_", min_size=1, max_size=8)
numbers = st.integers(-(2**53), 2**53)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
pictures = st.sampled_from([IMAGE, LINK, FILE])
text_parts = st.builds(lambda text: {"type": "text", "text": text}, texts)
users = st.builds(
    lambda content: {"role": "user", "content": content},
    texts | st.tuples(text_parts, pictures).map(list),
)


@st.composite
def turns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What a user says, perhaps a call of tools with its results, and an answer."""
    said = [draw(users)]
    if draw(st.booleans()):
        import orjson  # noqa: PLC0415 - writes arguments as the translation does

        ids = draw(st.lists(names, min_size=1, max_size=3, unique=True))
        arguments = [
            orjson.dumps(draw(st.dictionaries(names, values, max_size=2))).decode() for _ in ids
        ]
        said.append(
            {
                "role": "assistant",
                "content": draw(st.none() | texts),
                "tool_calls": [
                    call_of(one, text) for one, text in zip(ids, arguments, strict=True)
                ],
            }
        )
        said += [{"role": "tool", "tool_call_id": one, "content": draw(texts)} for one in ids]
    return [*said, {"role": "assistant", "content": draw(texts)}]


@given(
    talk=st.lists(turns(), min_size=1, max_size=3),
    system=st.none() | texts,
    more=st.fixed_dictionaries(
        {"max_tokens": st.integers(1, 9999)},
        optional={
            "temperature": st.floats(0, 1),
            "top_p": st.floats(0, 1),
            "stop": st.lists(st.text("abc", min_size=1), min_size=1, max_size=4),
            "user": texts,
            "stream": st.booleans(),
            "tools": st.just([OPENAI_TOOL]),
            "unknown_field": values,
        },
    ),
)
def test_openai_request_comes_back_as_it_went(
    talk: list[list[dict[str, Any]]], system: str | None, more: dict[str, Any]
) -> None:
    messages = [message for turn in talk for message in turn]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    body = {"model": "m", "messages": messages, **more}

    assert anthropic_requests.translate(openai_requests.translate(body)) == body


@given(talk=st.lists(turns(), min_size=1, max_size=3), system=texts)
def test_anthropic_request_comes_back_as_it_went(
    talk: list[list[dict[str, Any]]], system: str
) -> None:
    openai = {
        "messages": [{"role": "system", "content": system}, *(m for turn in talk for m in turn)]
    }
    body = openai_requests.translate(openai)

    assert openai_requests.translate(anthropic_requests.translate(body)) == body


@given(st.dictionaries(st.sampled_from(["messages", "system", "tools", "tool_choice", "stop", "n", "temperature", "max_tokens", "response_format", "metadata", "functions"]), values))  # fmt: skip
def test_any_body_at_all_is_translated_or_refused(body: dict[str, Any]) -> None:
    for translate_body in (openai_requests.translate, anthropic_requests.translate):
        try:
            translate_body(body)
        except AppError as error:
            assert isinstance(error, Invalid)  # noqa: PT017 - any other kind fails by itself


inner = st.recursive(
    st.none() | st.booleans() | numbers | st.sampled_from(["text", "image", "image_url", "tool_use", "tool_result", "file", "user", "assistant", "tool", "base64"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["type", "role", "content", "text", "source", "image_url", "url", "tool_calls", "function", "arguments", "name", "id", "input", "tool_use_id", "file", "thinking_blocks"]), inner, max_size=5),
    max_leaves=15,
)  # fmt: skip


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["role", "content", "tool_calls", "tool_call_id"]), inner)
    )
)
def test_any_messages_at_all_are_translated_or_refused(messages: list[Any]) -> None:
    test_any_body_at_all_is_translated_or_refused.hypothesis.inner_test({"messages": messages})  # type: ignore[attr-defined]
