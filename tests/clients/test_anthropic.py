"""The official `anthropic` client, pointed at us: messages, stream, tools, errors, cancel."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import pytest
from anthropic import Anthropic

from tests.clients.conftest import Gateway

pytestmark = pytest.mark.journey
HI = [{"role": "user", "content": "hi there"}]
TOOLS = [{"name": "get_weather", "input_schema": {"type": "object", "properties": {}}}]
KINDS = pytest.mark.parametrize("kind", ["anthropic", "openai", "ollama"])


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Anthropic]:
    with Anthropic(base_url=gateway.url, api_key=gateway.server.client.key) as client:
        yield client


@KINDS
def test_messages_answer_whoever_gives_them(gateway: Gateway, client: Anthropic, kind) -> None:
    model = gateway.route("ok?tokens=3&prompt_tokens=10", kind=kind)

    answer = client.messages.create(model=model, max_tokens=50, messages=HI, system="Be brief.")

    assert [block.text for block in answer.content] == ["word0 word1 word2"]
    assert (answer.stop_reason, answer.role) == ("end_turn", "assistant")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (10, 3)


@KINDS
def test_stream_tells_events_in_order(gateway: Gateway, client: Anthropic, kind) -> None:
    model = gateway.route("ok?tokens=3&prompt_tokens=10", kind=kind)

    with client.messages.stream(model=model, max_tokens=50, messages=HI) as stream:
        kinds = [event.type for event in stream if event.type != "text"]
        final = stream.get_final_message()

    assert [k for k in dict.fromkeys(kinds) if k != "ping"] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert final.content[0].text == "word0 word1 word2"
    assert final.usage.output_tokens == 3


@KINDS
@pytest.mark.parametrize("is_stream", [False, True])
def test_tools_are_called_whoever_answers(gateway, client: Anthropic, kind, is_stream) -> None:
    model = gateway.route("tools", kind=kind)
    asked = {"model": model, "max_tokens": 50, "messages": HI, "tools": TOOLS}

    if is_stream:
        with client.messages.stream(**asked) as stream:
            answer = stream.get_final_message()
    else:
        answer = client.messages.create(**asked)

    (block,) = [block for block in answer.content if block.type == "tool_use"]
    assert (block.name, block.input, answer.stop_reason) == (
        "get_weather",
        {"city": "Paris"},
        "tool_use",
    )


def test_errors_become_the_client_s_own(gateway: Gateway, client: Anthropic) -> None:
    model = gateway.route("ok")
    bare = client.with_options(max_retries=0)

    with pytest.raises(anthropic.NotFoundError) as missing:
        bare.messages.create(model="nothing", max_tokens=5, messages=HI)
    with pytest.raises(anthropic.AuthenticationError):
        bare.with_options(api_key="ltb_wrong").messages.create(
            model=model, max_tokens=5, messages=HI
        )

    assert missing.value.body["error"]["type"] == "not_found_error"
    assert missing.value.request_id is not None


def test_a_cut_stream_raises(gateway: Gateway, client: Anthropic) -> None:
    model = gateway.route("half?after=4", kind="anthropic", retries=0)

    with (
        pytest.raises(anthropic.APIStatusError),
        client.messages.stream(model=model, max_tokens=50, messages=HI) as stream,
    ):
        stream.get_final_message()


def test_leaving_a_stream_ends_the_call_upstream(gateway: Gateway, client: Anthropic) -> None:
    model = gateway.route("ok?tokens=1000&gap=0.02", kind="anthropic")

    with client.messages.stream(model=model, max_tokens=2000, messages=HI) as stream:
        for _ in zip(range(5), stream, strict=False):
            pass

    (seen,) = gateway.llm.wait_for(lambda calls: calls[-1].left_after is not None, seconds=4)
    assert not seen.is_answered


@KINDS
def test_a_long_silence_is_nothing_to_its_reader(gateway: Gateway, client: Anthropic, kind) -> None:
    model = gateway.route("ok?tokens=2&gap=1.2", kind=kind)

    with client.messages.stream(model=model, max_tokens=50, messages=HI) as stream:
        said = "".join(stream.text_stream)

    assert said == "word0 word1"


def test_a_stream_that_went_on_is_one_to_its_reader(gateway: Gateway, client: Anthropic) -> None:
    story = "text=Once upon a time"
    model = gateway.route("flaky", kind="anthropic", continues=True)
    gateway.llm.script("flaky", f"half?after=4&{story}", f"ok?goes_on=1&{story}")

    with client.messages.stream(model=model, max_tokens=50, messages=HI) as stream:
        final = stream.get_final_message()

    assert [block.text for block in final.content] == ["Once upon a time"]
