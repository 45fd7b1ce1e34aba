"""Answers and streams between the two dialects, there and back, each with the other's words for the same ends."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.providers.adapters import registry
from apps.providers.domain.calls import Answer, Call, Event, UpstreamCall, Usage
from apps.providers.domain.dialects import answers
from apps.providers.domain.dialects.to_anthropic_stream import ToAnthropic
from apps.providers.domain.dialects.to_openai_stream import ToOpenAI
from apps.providers.domain.dialects.translation import Translation, translate
from apps.providers.enums import Dialect, Operation, ProviderKind
from tests.providers.adapters.samples import STREAMS, WHOLE, Sample

pytestmark = pytest.mark.unit
CALL = UpstreamCall(Operation.CHAT, "m", {})
HELLO = [{"role": "user", "content": "Hi"}]


def sample(name: str) -> Sample:
    return next(one for one in [*STREAMS, *WHOLE] if one.name == name)


def translation(caller: Dialect, operation: Operation = Operation.CHAT) -> Translation:
    other = Dialect.OPENAI if caller is Dialect.ANTHROPIC else Dialect.ANTHROPIC
    call = Call(operation, caller, "m", {"messages": HELLO, "prompt": "Hi"})
    made = translate(call, other, created=1_760_000_000)
    assert made is not None
    return made


def told(name: str) -> list[Event]:
    one = sample(name)
    return one.adapter.events(one.call).feed(one.data)


def test_anthropic_answer_becomes_openais() -> None:
    one = sample("anthropic_tools.json")

    made = translation(Dialect.OPENAI).answer(one.adapter.answer(one.call, one.data))

    assert made.body == {
        "id": "msg_02",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "claude-sonnet-4-5",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "I'll look.",
                    "tool_calls": [
                        {
                            "id": "toolu_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
                        }
                    ],
                    "reasoning_content": "Hm.",
                    "thinking_blocks": [
                        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 42,
            "total_tokens": 62,
            "prompt_tokens_details": {"cached_tokens": 5},
        },
    }
    assert (made.text, made.usage, made.raw) == ("I'll look.", Usage(20, 42, 5), b"")


def test_openai_answer_becomes_anthropics() -> None:
    one = sample("openai_tools.json")

    made = translation(Dialect.ANTHROPIC).answer(one.adapter.answer(one.call, one.data))

    assert made.body == {
        "id": "msg_2",
        "type": "message",
        "role": "assistant",
        "model": "gpt-4o",
        "content": [
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Paris"}}
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 15,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 4,
            "output_tokens": 7,
        },
    }


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        (None, "end_turn"),
        ("something_new", "end_turn"),
    ],
)
def test_reasons_to_end_both_ways(finish: str | None, stop: str) -> None:
    openai = Answer({"choices": [{"message": {"content": "a"}, "finish_reason": finish}]})

    there = answers.to_anthropic(openai)
    back = answers.to_openai(there, created=0)

    assert there.body["stop_reason"] == stop
    known = finish if finish in {"stop", "length", "tool_calls", "content_filter"} else "stop"
    assert back.body["choices"][0]["finish_reason"] == known


def test_answer_without_usage_still_has_numbers_for_anthropics_clients() -> None:
    made = answers.to_anthropic(Answer({"choices": [{"message": {"content": "a"}}]}))

    assert made.body["usage"]["input_tokens"] == 0
    assert made.usage is None


def test_completion_from_anthropic_is_a_text() -> None:
    one = sample("anthropic_tools.json")

    made = translation(Dialect.OPENAI, Operation.COMPLETION).answer(
        one.adapter.answer(one.call, one.data)
    )

    assert made.body["object"] == "text_completion"
    assert made.body["choices"] == [
        {"index": 0, "text": "I'll look.", "logprobs": None, "finish_reason": "tool_calls"}
    ]


def test_anthropic_stream_becomes_openais() -> None:
    events = translation(Dialect.OPENAI).events(told("anthropic_tools.sse"))

    deltas = [event.data["choices"][0]["delta"] for event in events if event.data.get("choices")]
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Let me"},
        {"reasoning_content": " see."},
        {"thinking_blocks": [{"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"}]},
        {"content": "I'll look."},
        {
            "tool_calls": [
                {"index": 0, "id": "toolu_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "Pa'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": 'ris"}'}}]},
        {},
    ]  # fmt: skip
    assert events[-3].data["choices"][0]["finish_reason"] == "tool_calls"
    assert (events[-2].data["choices"], events[-2].data["usage"]["total_tokens"]) == ([], 62)
    assert events[-1] == Event({}, is_last=True)
    assert "".join(event.text for event in events) == "I'll look."
    assert events[-2].usage == Usage(20, 42, 5)


def test_openai_stream_becomes_anthropics() -> None:
    events = translation(Dialect.ANTHROPIC).events(told("openai_tools.sse"))

    data = [event.data for event in events]
    assert data[0]["message"]["id"] == "msg_9x"
    assert data[0]["message"]["content"] == []
    assert data[1:-2] == [
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "call_1", "name": "weather", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": '{"city":'},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": '"Paris"}'},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "call_2", "name": "clock", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": "{}"},
        },
        {"type": "content_block_stop", "index": 1},
    ]
    assert data[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {
            "input_tokens": 15,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 4,
            "output_tokens": 7,
        },
    }
    assert data[-1] == {"type": "message_stop"}
    assert [event.is_last for event in events] == [False] * (len(events) - 1) + [True]


def test_reasoning_becomes_a_block_of_its_own() -> None:
    data = [
        event.data for event in translation(Dialect.ANTHROPIC).events(told("vllm_reasoning.sse"))
    ]

    kinds = [(one["type"], one.get("index")) for one in data]
    assert kinds == [
        ("message_start", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("message_delta", None),
        ("message_stop", None),
    ]
    assert data[2]["delta"] == {"type": "thinking_delta", "thinking": "Hm."}


def test_arguments_that_come_late_find_their_block() -> None:
    def chunk(index: int, **call: Any) -> Event:
        delta = {"tool_calls": [{"index": index, **call}]}
        return Event({"id": "x", "choices": [{"index": 0, "delta": delta}]})

    stream = ToAnthropic()
    events = [
        *stream.read(chunk(0, id="a", function={"name": "f", "arguments": "{"})),
        *stream.read(chunk(1, function={"name": "g", "arguments": "{}"})),
        *stream.read(chunk(0, function={"arguments": "}"})),
    ]

    assert events[-1].data["index"] == 0
    assert events[-3].data["content_block"]["id"] == "toolu_x_1"


def test_stream_that_is_cut_says_no_end() -> None:
    for caller, name in (
        (Dialect.ANTHROPIC, "openai_chat.sse"),
        (Dialect.OPENAI, "anthropic_text.sse"),
    ):
        events = translation(caller).events(told(name)[:-1])
        assert not any(event.is_last for event in events)


def test_text_of_a_completion_streams_too() -> None:
    events = translation(Dialect.OPENAI, Operation.COMPLETION).events(told("anthropic_text.sse"))

    texts = [event.data["choices"][0]["text"] for event in events if event.data.get("choices")]
    assert "".join(texts) == "Grüße aus 東京"
    assert {event.data["object"] for event in events if event.data} == {"text_completion"}


# ---- there and back

texts = st.text(min_size=1, max_size=15)
names = st.text("abc_", min_size=1, max_size=8)
inputs = st.dictionaries(names, texts | st.integers(-(2**53), 2**53) | st.none(), max_size=3)
usages = st.builds(
    lambda fresh, cached, output: Usage(fresh + cached, output, cached),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """An Anthropic message: perhaps a thought, a text, calls of tools."""
    content: list[dict[str, Any]] = []
    if draw(st.booleans()):
        content.append({"type": "thinking", "thinking": draw(texts), "signature": draw(names)})
    if draw(st.booleans()):
        content.append({"type": "text", "text": draw(texts)})
    for call_id in draw(st.lists(names, max_size=2, unique=True)):
        content.append(  # noqa: PERF401 - reads as the others
            {"type": "tool_use", "id": call_id, "name": draw(names), "input": draw(inputs)}
        )
    usage = draw(usages)
    return {
        "id": f"msg_{draw(names)}",
        "type": "message",
        "role": "assistant",
        "model": draw(names),
        "content": content,
        "stop_reason": draw(st.sampled_from(["end_turn", "max_tokens", "tool_use"])),
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage.prompt_tokens - usage.cached_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached_tokens,
            "output_tokens": usage.completion_tokens,
        },
    }


@given(messages())
def test_anthropic_answer_comes_back_as_it_went(message: dict[str, Any]) -> None:
    anthropic = registry.adapter_for(ProviderKind.ANTHROPIC)
    openai = registry.adapter_for(ProviderKind.OPENAI)

    there = answers.to_openai(anthropic.answer(CALL, orjson.dumps(message)), created=0)
    back = answers.to_anthropic(openai.answer(CALL, orjson.dumps(there.body)))

    assert back.body == message


def anthropic_events(message: dict[str, Any], cuts: list[int]) -> list[dict[str, Any]]:
    """The message as Anthropic streams it, its texts cut at these lengths."""
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    ]
    for index, block in enumerate(message["content"]):
        match block["type"]:
            case "text":
                empty, deltas = {**block, "text": ""}, [("text_delta", "text", block["text"])]
            case "thinking":
                empty = {**block, "thinking": "", "signature": ""}
                deltas = [
                    ("thinking_delta", "thinking", block["thinking"]),
                    ("signature_delta", "signature", block["signature"]),
                ]
            case _:
                empty = {**block, "input": {}}
                written = orjson.dumps(block["input"]).decode()
                deltas = [("input_json_delta", "partial_json", written)]
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        for kind, field, text in deltas:
            for part in [text] if kind == "signature_delta" else parts_of(text, cuts):
                delta = {"type": kind, field: part}
                events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": message["usage"]})
    return [*events, {"type": "message_stop"}]


def parts_of(text: str, cuts: list[int]) -> list[str]:
    parts, rest = [], text
    for cut in cuts:
        if len(rest) > cut:
            parts.append(rest[:cut])
            rest = rest[cut:]
    return [*parts, rest]


def put_together(events: list[dict[str, Any]]) -> dict[str, Any]:
    """An Anthropic client's reading of a stream."""
    message: dict[str, Any] = {}
    written: dict[int, str] = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = {**event["message"], "content": []}
            case "content_block_start":
                message["content"].append(dict(event["content_block"]))
            case "content_block_delta":
                block, delta = message["content"][event["index"]], event["delta"]
                for field in ("text", "thinking", "signature"):
                    if field in delta:
                        block[field] += delta[field]
                written[event["index"]] = written.get(event["index"], "") + delta.get(
                    "partial_json", ""
                )
            case "message_delta":
                message.update(event["delta"], usage=event["usage"])
    for index, block in enumerate(message["content"]):
        if block["type"] == "tool_use":
            block["input"] = orjson.loads(written[index] or "{}")
    return message


@settings(deadline=None)
@given(message=messages(), cuts=st.lists(st.integers(1, 4), max_size=3))
def test_anthropic_stream_comes_back_as_it_went(message: dict[str, Any], cuts: list[int]) -> None:
    one = registry.adapter_for(ProviderKind.ANTHROPIC).events(CALL)
    wire = b"".join(
        b"data: " + orjson.dumps(data) + b"\n\n" for data in anthropic_events(message, cuts)
    )
    there = ToOpenAI(created=0)
    chunks = [chunk for event in one.feed(wire) for chunk in there.read(event)]

    other = registry.adapter_for(ProviderKind.OPENAI).events(CALL)
    wire = b"".join(
        b"data: " + (orjson.dumps(chunk.data) if chunk.data else b"[DONE]") + b"\n\n"
        for chunk in chunks
    )
    back = ToAnthropic()
    events = [made.data for event in other.feed(wire) for made in back.read(event)]

    signed = [
        {**block, "signature": ""} if block["type"] == "thinking" else block
        for block in message["content"]
    ]
    assert put_together(events) == {**message, "content": signed}
