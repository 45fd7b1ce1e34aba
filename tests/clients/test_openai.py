"""The official `openai` client, pointed at us: chat, stream, tools, errors, retries, cancel, budgets."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.clients.conftest import Gateway

pytestmark = pytest.mark.journey
HI = [{"role": "user", "content": "hi there"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.server.client.key) as client:
        yield client


def test_chat_answers_and_tells_usage_and_cost(gateway: Gateway, client: OpenAI) -> None:
    model = gateway.route("ok?tokens=3&prompt_tokens=10")

    raw = client.chat.completions.with_raw_response.create(model=model, messages=HI)

    answer = raw.parse()
    assert answer.choices[0].message.content == "word0 word1 word2"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (10, 3)
    assert raw.headers["x-signalbox-deployment"] == f"{model}-0"
    assert raw.headers["x-signalbox-attempts"] == "1"
    assert float(raw.headers["x-signalbox-cost"]) == pytest.approx(16e-6)
    assert raw.headers["x-request-id"] == answer._request_id
    assert float(raw.headers["x-signalbox-overhead-ms"]) >= 0


def test_stream_comes_in_pieces_and_ends_with_usage(gateway: Gateway, client: OpenAI) -> None:
    model = gateway.route("ok?tokens=4&prompt_tokens=10")

    chunks = list(
        client.chat.completions.create(
            model=model, messages=HI, stream=True, stream_options={"include_usage": True}
        )
    )

    texts = [c.choices[0].delta.content for c in chunks if c.choices]
    assert "".join(text or "" for text in texts) == "word0 word1 word2 word3"
    assert next(chunk.usage for chunk in chunks if not chunk.choices).completion_tokens == 4


def test_stream_when_nobody_asked_for_usage_tells_none(gateway: Gateway, client: OpenAI) -> None:
    model = gateway.route("ok?tokens=2")

    chunks = list(client.chat.completions.create(model=model, messages=HI, stream=True))

    assert [chunk.usage for chunk in chunks if chunk.usage is not None] == []
    assert all(chunk.choices for chunk in chunks)


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini", "ollama"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_tools_are_called_whoever_answers(
    gateway: Gateway, client: OpenAI, kind, is_stream
) -> None:
    model = gateway.route("tools", kind=kind)

    if is_stream:
        with client.chat.completions.stream(model=model, messages=HI, tools=TOOLS) as stream:
            answer = stream.get_final_completion()
    else:
        answer = client.chat.completions.create(model=model, messages=HI, tools=TOOLS)

    (call,) = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"
    assert call.function.arguments.replace(" ", "") == '{"city":"Paris"}'


def test_completions_and_embeddings_answer(gateway: Gateway, client: OpenAI) -> None:
    model = gateway.route("ok?tokens=2")

    text = client.completions.create(model=model, prompt="once upon")
    vectors = client.embeddings.create(model=model, input=["a", "b"], encoding_format="float")

    assert text.choices[0].text == "word0 word1"
    assert [row.embedding for row in vectors.data] == [[0.25, -0.5, 0.0], [0.25, -0.5, 1.0]]


def test_models_lists_what_the_key_may_use(gateway: Gateway, client: OpenAI) -> None:
    alpha, beta = gateway.route("ok"), gateway.route("ok")
    key = gateway.key(models=[beta])
    narrow = OpenAI(base_url=f"{gateway.url}/v1", api_key=key)

    assert {alpha, beta} <= {model.id for model in client.models.list()}
    assert [model.id for model in narrow.models.list()] == [beta]
    assert client.models.retrieve(alpha).id == alpha
    with pytest.raises(openai.NotFoundError) as raised:
        narrow.chat.completions.create(model=alpha, messages=HI)
    assert raised.value.code == "model_not_found"


def test_errors_become_the_client_s_own(gateway: Gateway, client: OpenAI) -> None:
    model = gateway.route("ok")
    bare = client.with_options(max_retries=0)

    with pytest.raises(openai.NotFoundError) as missing:
        bare.chat.completions.create(model="nothing", messages=HI)
    with pytest.raises(openai.AuthenticationError):
        bare.with_options(api_key="ltb_wrong").chat.completions.create(model=model, messages=HI)
    with pytest.raises(openai.UnprocessableEntityError) as wrong:
        bare.chat.completions.create(model=model, messages=HI, temperature="warm")  # type: ignore[arg-type]

    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    assert missing.value.request_id is not None
    assert wrong.value.param == "temperature"


def test_a_failing_deployment_is_replaced_unseen(gateway: Gateway, client: OpenAI) -> None:
    gateway.llm.script("shaky", "status?code=500", "ok?tokens=1")
    model = gateway.route("shaky")

    raw = client.with_options(max_retries=0).chat.completions.with_raw_response.create(
        model=model, messages=HI
    )

    assert raw.parse().choices[0].message.content == "word0"
    assert raw.headers["x-signalbox-attempts"] == "2"


def test_a_rate_limit_is_waited_for(gateway: Gateway) -> None:
    model = gateway.route("ok?tokens=1")
    key = gateway.key(limits={"chat": "1/s"})
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=key) as client:
        began = time.monotonic()
        for _ in range(2):
            client.chat.completions.create(model=model, messages=HI)

        assert time.monotonic() - began > 0.8
        with pytest.raises(openai.RateLimitError) as raised:
            client.with_options(max_retries=0).chat.completions.create(model=model, messages=HI)
    assert int(raised.value.response.headers["retry-after"]) >= 1


def test_a_used_up_budget_is_final(gateway: Gateway) -> None:
    model = gateway.route("ok?tokens=100&prompt_tokens=100")  # 300 millionths a call
    key = gateway.key(budget={"amount": 0.001, "period": "total"})
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=key) as client:
        for _ in range(3):
            client.chat.completions.create(model=model, messages=HI, max_tokens=100)
        gateway.llm.forget()

        with pytest.raises(openai.RateLimitError) as raised:
            client.chat.completions.create(model=model, messages=HI, max_tokens=100)

    assert raised.value.code == "budget_exceeded"
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert gateway.llm.calls == []


def test_leaving_a_stream_ends_the_call_upstream(gateway: Gateway, client: OpenAI) -> None:
    model = gateway.route("ok?tokens=1000&gap=0.02")

    stream = client.chat.completions.create(model=model, messages=HI, stream=True)
    for _ in zip(range(5), stream, strict=False):
        pass
    stream.close()

    (seen,) = gateway.llm.wait_for(lambda calls: calls[-1].left_after is not None, seconds=4)
    assert seen.left_after is not None
    assert seen.left_after < 3
    assert not seen.is_answered


def test_a_cut_stream_raises_and_never_looks_whole(gateway: Gateway, client: OpenAI) -> None:
    model = gateway.route("half?after=3", retries=0)

    stream = client.chat.completions.create(model=model, messages=HI, stream=True)

    with pytest.raises(openai.APIError) as raised:
        _read_to_the_end(stream, chunks := [])

    assert {chunk.choices[0].finish_reason for chunk in chunks} == {None}
    assert raised.value.code == "upstream_cut"


def test_seed_completion_with_a_provider_answers(gateway: Gateway) -> None:
    model = gateway.route("ok?tokens=2")
    body = {"provider": "openai", "model": model, "prompt": "Hello, world!", "max_tokens": 100}

    answer = gateway.server.post("/v1/completions", json=body)

    assert answer.status == 200
    assert answer.json()["choices"][0]["text"] == "word0 word1"


def _read_to_the_end(stream: Iterable[Any], into: list[Any]) -> None:
    into.extend(stream)


def test_a_long_silence_is_nothing_to_its_reader(gateway: Gateway, client: OpenAI) -> None:
    model = gateway.route("ok?tokens=2&gap=1.2")

    chunks = client.chat.completions.create(model=model, messages=HI, stream=True)

    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(filter(None, said)) == "word0 word1"


def test_a_stream_that_went_on_is_one_to_its_reader(gateway: Gateway, client: OpenAI) -> None:
    story = "text=Once upon a time"
    model = gateway.route("flaky", kind="ollama", continues=True)
    gateway.llm.script("flaky", f"half?after=3&{story}", f"ok?goes_on=1&{story}")

    chunks = list(client.chat.completions.create(model=model, messages=HI, stream=True))

    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(filter(None, said)) == "Once upon a time"
    assert len({chunk.id for chunk in chunks}) == 1
