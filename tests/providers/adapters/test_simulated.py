"""The simulated provider: the same question, the same answer; honest about itself; as slow and as faulty as it is told."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.http_client.errors import CallFailed, CallTimedOut
from apps.providers.adapters import registry
from apps.providers.adapters.protocol import Exchange
from apps.providers.adapters.simulated.transport import SimulatedTransport
from apps.providers.domain.calls import Answer, Event, UpstreamCall
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Operation, ProviderKind

pytestmark = pytest.mark.unit
ADAPTER = registry.adapter_for(ProviderKind.SIMULATED)
HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 1, "maximum": 3},
            },
            "required": ["city", "days"],
        },
    },
}


async def begin(
    call: UpstreamCall, transport: SimulatedTransport, options: dict[str, Any], seconds: float
) -> Exchange:
    provider = ProviderView("prov_1", "p", ProviderKind.SIMULATED, "", options=options)
    return await transport.open(
        ADAPTER.request(call, provider),
        first_byte_seconds=seconds,
        idle_seconds=seconds,
        total_seconds=seconds,
        most_bytes=1_000_000,
    )


def answer(
    body: dict[str, Any],
    operation: Operation = Operation.CHAT,
    transport: SimulatedTransport | None = None,
    seconds: float = 5,
    **options: Any,
) -> Answer:
    call = UpstreamCall(operation, "gpt-x", body)

    async def ask() -> Answer:
        exchange = await begin(call, transport or SimulatedTransport(), options, seconds)
        data = b"".join([piece async for piece in exchange.pieces()])
        if exchange.status != 200:
            refusal = ADAPTER.refusal(exchange.status, exchange.headers, data)
            raise AssertionError((refusal.status, refusal.message, refusal.retry_after))
        return ADAPTER.answer(call, data)

    return asyncio.run(ask())


def stream(
    body: dict[str, Any], operation: Operation = Operation.CHAT, seconds: float = 5, **options: Any
) -> list[tuple[Event, float]]:
    """The events, each with the second it came at."""
    call = UpstreamCall(operation, "gpt-x", body, is_stream=True)

    async def ask() -> list[tuple[Event, float]]:
        began = time.perf_counter()
        exchange = await begin(call, SimulatedTransport(), options, seconds)
        reader = ADAPTER.events(call)
        return [
            (event, time.perf_counter() - began)
            async for piece in exchange.pieces()
            for event in reader.feed(piece)
        ]

    return asyncio.run(ask())


def test_answer_says_that_it_is_simulated_everywhere() -> None:
    told = answer(HELLO)

    assert told.body["model"] == "simulated/gpt-x"
    assert told.body["system_fingerprint"] == "simulated"
    assert told.text.startswith("[simulated] ")


def test_same_question_and_seed_give_the_same_answer() -> None:
    def texts(**options: Any) -> str:
        return answer(HELLO, **options).text

    assert texts() == texts() == texts(seed=0)
    assert texts(seed=1) != texts()
    assert answer({**HELLO, "simulated": {"seed": 1}}).text == texts(seed=1)
    assert answer({"messages": [{"role": "user", "content": "Bye"}]}).text != texts()


@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.COMPLETION])
def test_stream_says_what_the_whole_answer_says(operation: Operation) -> None:
    body = {**HELLO, "prompt": "Hello"}
    whole = answer(body, operation)

    events = [event for event, _ in stream(body, operation)]

    assert "".join(event.text for event in events) == whole.text
    assert [event.usage for event in events if event.usage] == [whole.usage]
    assert [event.finish_reason for event in events if event.finish_reason] == ["stop"]
    assert events[-1].is_last


def test_answer_keeps_the_callers_bound_and_stops() -> None:
    short = answer({**HELLO, "max_tokens": 4})
    stopped = answer({**HELLO, "stop": [" "]})

    assert short.usage is not None
    assert (short.usage.completion_tokens, short.finish_reason) == (4, "length")
    assert (stopped.text, stopped.finish_reason) == ("[simulated]", "stop")


def test_answer_gives_as_many_choices_as_asked() -> None:
    body = answer({**HELLO, "n": 3}).body

    texts = [choice["message"]["content"] for choice in body["choices"]]
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert len(set(texts)) == 3


def test_length_is_as_asked() -> None:
    told = answer(HELLO, completion_tokens=7)

    assert told.usage is not None
    assert told.usage.completion_tokens == 7


@pytest.mark.parametrize(
    ("more", "calls"),
    [
        ({"tool_choice": "required"}, True),
        ({"tool_choice": {"type": "function", "function": {"name": "weather"}}}, True),
        ({"messages": [{"role": "user", "content": "What is the weather?"}]}, True),
        ({"tool_choice": "none", "messages": [{"role": "user", "content": "weather"}]}, False),
        ({}, False),
        ({"messages": [{"role": "tool", "content": "weather"}]}, False),
    ],
)
def test_tool_is_called_when_asked(more: dict[str, Any], calls: bool) -> None:
    told = answer({**HELLO, "tools": [WEATHER], **more})

    message = told.body["choices"][0]["message"]
    assert ("tool_calls" in message) == calls
    assert told.finish_reason == ("tool_calls" if calls else "stop")
    if calls:
        function = message["tool_calls"][0]["function"]
        arguments = json.loads(function["arguments"])
        assert function["name"] == "weather"
        assert isinstance(arguments["city"], str)
        assert arguments["days"] in {1, 2, 3}


def test_tool_call_streams_its_arguments_in_pieces() -> None:
    body = {**HELLO, "tools": [WEATHER], "tool_choice": "required"}

    events = [event for event, _ in stream(body)]

    assert "".join(event.hidden for event in events) == answer(body).hidden
    assert sum(1 for event in events if event.hidden) > 2


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3},
        "kind": {"enum": ["a", "b"]},
        "ages": {"type": "array", "items": {"type": "integer", "minimum": 5}, "minItems": 3},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        "day": {"type": "string", "format": "date"},
    },
    "required": ["name", "kind", "ages", "day"],
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
}


def test_answer_has_the_shape_that_was_asked_for() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}

    value = json.loads(answer({**HELLO, "response_format": wanted}).text)

    assert set(value) == set(SCHEMA["properties"])  # type: ignore[call-overload]
    assert value["kind"] in {"a", "b"}
    assert (len(value["ages"]), min(value["ages"]) >= 5) == (3, True)
    assert value["day"] == "2024-01-01"
    assert (
        json.loads(answer({**HELLO, "response_format": {"type": "json_object"}}).text)["simulated"]
        is True
    )


@settings(max_examples=50, deadline=None)
@given(
    schema=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "required", "enum", "const", "anyOf", "allOf", "$ref", "minimum", "maximum", "multipleOf", "minItems", "format"]
            ),
            inner | st.sampled_from(["object", "array", "integer", "number", "string", "#", "#/items"]),
            max_size=4,
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_schema_at_all_gives_json(schema: Any) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}

    json.loads(answer({**HELLO, "response_format": wanted}).text)


def test_schema_that_holds_itself_many_times_ends_soon() -> None:
    inner = {f"p{number}": {"$ref": "#"} for number in range(30)}
    wanted = {
        "type": "json_schema",
        "json_schema": {"schema": {"type": "object", "properties": inner}},
    }
    began = time.perf_counter()

    answer({**HELLO, "response_format": wanted})

    assert time.perf_counter() - began < 1


def test_embeddings_are_unit_vectors_and_near_for_like_texts() -> None:
    body = {"input": ["the red train", "the red signal", "quantum"], "dimensions": 32}

    told = answer(body, Operation.EMBEDDINGS)

    one, like, other = (item["embedding"] for item in told.body["data"])
    assert [len(one), math.isclose(sum(part * part for part in one), 1, abs_tol=1e-4)] == [32, True]
    near = sum(left * right for left, right in zip(one, like, strict=True))
    far = sum(left * right for left, right in zip(one, other, strict=True))
    assert near > 0.4 > far
    assert told.body == answer(body, Operation.EMBEDDINGS).body
    assert told.body["model"] == "simulated/gpt-x"
    assert told.usage is not None
    assert told.usage.prompt_tokens > 5


def test_embeddings_are_packed_as_openais_clients_ask() -> None:
    packed = answer({"input": "a", "encoding_format": "base64"}, Operation.EMBEDDINGS).body["data"]
    plain = answer({"input": "a"}, Operation.EMBEDDINGS).body["data"]

    numbers = struct.unpack("<64f", base64.b64decode(packed[0]["embedding"]))
    assert numbers == pytest.approx(plain[0]["embedding"], abs=1e-6)


def test_stream_keeps_its_pace() -> None:
    events = stream(HELLO, first_token_ms=80, tokens_per_second=100, completion_tokens=10)

    first = next(at for event, at in events if event.text)
    last = max(at for event, at in events if event.text)
    assert 0.08 <= first < 0.5
    assert 0.09 <= last - first < 0.8


def test_too_slow_an_answer_times_out() -> None:
    with pytest.raises(CallTimedOut):
        answer(HELLO, seconds=0.05, first_token_ms=5000)
    with pytest.raises(CallTimedOut):
        stream(HELLO, seconds=0.05, tokens_per_second=1)


def test_share_of_calls_fails_and_the_seed_says_which() -> None:
    def outcomes(seed: int) -> list[bool]:
        transport = SimulatedTransport()
        told = []
        for _ in range(100):
            try:
                answer(HELLO, transport=transport, error_rate=0.3, seed=seed)
                told.append(True)
            except AssertionError:
                told.append(False)
        return told

    assert outcomes(1) == outcomes(1) != outcomes(2)
    assert 15 <= outcomes(1).count(False) <= 45


def test_status_is_as_told() -> None:
    with pytest.raises(AssertionError) as raised:
        answer({**HELLO, "simulated": {"status": 429, "retry_after": 3}})

    assert raised.value.args[0] == (429, "The simulated provider fails, as it was told to.", 3.0)


def test_stream_is_cut_as_told() -> None:
    with pytest.raises(CallFailed) as raised:
        stream({**HELLO, "simulated": {"cut_after": 3}})

    assert raised.value.reason == "reset"


@pytest.mark.parametrize(
    "wrong",
    ["x", None, [], {"seed": "a", "tokens_per_second": -1, "error_rate": 7, "cut_after": True}],
)
def test_settings_that_make_no_sense_change_nothing(wrong: Any) -> None:
    assert answer({**HELLO, "simulated": wrong}).text == answer(HELLO).text


def test_models_are_listed() -> None:
    provider = ProviderView("prov_1", "p", ProviderKind.SIMULATED, "")

    async def ask() -> bytes:
        exchange = await SimulatedTransport().open(
            ADAPTER.models_request(provider),
            first_byte_seconds=1,
            idle_seconds=1,
            total_seconds=1,
            most_bytes=10_000,
        )
        return b"".join([piece async for piece in exchange.pieces()])

    models = ADAPTER.models(asyncio.run(ask()))
    assert [(model.name, model.context_tokens) for model in models] == [
        ("simulated", 32_768),
        ("simulated-fast", 32_768),
        ("simulated-embedding", 32_768),
    ]
