"""The whole path with nothing made up: official clients, the gateway, a real OpenAI-compatible server, a real model."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic
from openai import APIStatusError, OpenAI

from apps.providers.adapters.local import child, model
from tests.rig.servers import ServerProcess

pytestmark = [
    pytest.mark.real_llm,
    pytest.mark.journey,
    pytest.mark.skipif(
        not model.is_installed(), reason="NO REAL MODEL TRIED: it is not installed (LOCAL_LLM=0?)"
    ),
]
KEY = "sk-real-server-canary"
QUESTION: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
MOST = 24
CONTEXT = 1024


@pytest.fixture(scope="module")
def real_server() -> Iterator[str]:
    """llama.cpp's own server on loopback, behind a key; its `host:port`."""
    found = model.find_model()
    words = {
        "model": str(found.path), "name": found.name, "template": found.template, "key": KEY,
        "context": CONTEXT, "parallel": 1, "threads": 1,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-I", str(Path(child.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(json.dumps(words) + "\n")
        process.stdin.flush()
        yield json.loads(process.stdout.readline())["address"].removeprefix("http://")
        process.stdin.close()


@pytest.fixture
def server(real_server: str, make_site: Any) -> ServerProcess:
    site = make_site()
    site.env["SIGNALBOX_ALLOWED_PRIVATE_HOSTS"] = real_server
    started: ServerProcess = site.start()
    place = {"kind": "llama_cpp", "base_url": f"http://{real_server}/v1", "api_key": KEY}
    prices = {"input_price": "1", "output_price": "2"}
    for what, body in (
        ("providers", {"name": "llama", **place}),
        ("deployments", {"name": "llama", "provider": "llama", "model": model.NAME, **prices}),
        ("routes", {"name": "real", "targets": [{"deployment": "llama"}]}),
    ):
        answer = started.post(f"/api/v1/{what}", json=body)
        assert answer.status == 201, answer.text
    return started


def test_a_real_model_is_called_in_every_form(server: ServerProcess) -> None:
    tested = server.post("/api/v1/providers/llama/test").json()
    offered = server.get("/api/v1/providers/llama/models").json()["data"]
    told = [ask(server) for ask in (chat, stream, completion, message, message_stream)]

    assert (tested["ok"], len(offered)) == (True, 1)
    for text, prompt_tokens, completion_tokens in told:
        assert text.strip()
        assert prompt_tokens > 0
        assert 0 < completion_tokens <= MOST
    rows = booked(server, len(told))
    assert [(row["status"], row["provider"], row["estimated"]) for row in rows] == [
        ("ok", "llama", False)
    ] * len(told)
    counted = [(row["prompt_tokens"], row["completion_tokens"]) for row in reversed(rows)]
    assert counted == [(prompt, completion) for _, prompt, completion in told]
    assert [round(row["cost"] * 1e6) for row in reversed(rows)] == [
        prompt + 2 * completion for prompt, completion in counted
    ]


def test_a_prompt_too_long_for_a_real_model_is_refused(server: ServerProcess) -> None:
    with (
        openai(server) as client,
        pytest.raises(APIStatusError) as raised,
    ):
        client.chat.completions.create(
            model="real", messages=[{"role": "user", "content": "one two three " * 2 * CONTEXT}]
        )

    assert (raised.value.status_code, raised.value.code) == (422, "context_length_exceeded")


def test_a_real_model_goes_on_where_another_broke_off(server: ServerProcess) -> None:
    """A made-up answer breaks off; the model goes on from it, and does not say it again."""
    cut = {"name": "cut", "kind": "simulated", "options": {"cut_after": 6, "tokens_per_second": 0}}
    targets = [{"deployment": "cut"}, {"deployment": "llama", "priority": 1}]
    for what, body in (
        ("providers", cut),
        ("deployments", {"name": "cut", "provider": "cut", "model": "simulated"}),
        ("routes", {"name": "lasting", "targets": targets, "continues": True}),
    ):
        answer = server.post(f"/api/v1/{what}", json=body)
        assert answer.status == 201, answer.text

    with openai(server) as client:
        chunks = list(
            client.chat.completions.create(
                model="lasting", messages=QUESTION, max_tokens=MOST, stream=True
            )
        )

    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    ends = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
    (row,) = booked(server, 1)
    assert (said.count("[simulated]"), len(ends), len({chunk.id for chunk in chunks})) == (1, 1, 1)
    assert len(said) > len("[simulated]") + 6
    assert (row["status"], row["provider"], row["attempts"]) == ("ok", "llama", 2)


def openai(server: ServerProcess) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key=server.client.key, max_retries=0)


def chat(server: ServerProcess) -> tuple[str, int, int]:
    with openai(server) as client:
        answer = client.chat.completions.create(model="real", messages=QUESTION, max_tokens=MOST)
    assert answer.usage is not None
    text = answer.choices[0].message.content or ""
    return text, answer.usage.prompt_tokens, answer.usage.completion_tokens


def stream(server: ServerProcess) -> tuple[str, int, int]:
    with openai(server) as client:
        chunks = list(
            client.chat.completions.create(
                model="real",
                messages=QUESTION,
                max_tokens=MOST,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    (usage,) = (chunk.usage for chunk in chunks if chunk.usage is not None)
    return text, usage.prompt_tokens, usage.completion_tokens


def completion(server: ServerProcess) -> tuple[str, int, int]:
    with openai(server) as client:
        answer = client.completions.create(model="real", prompt="Once upon", max_tokens=MOST)
    assert answer.usage is not None
    return answer.choices[0].text, answer.usage.prompt_tokens, answer.usage.completion_tokens


def message(server: ServerProcess) -> tuple[str, int, int]:
    with anthropic(server) as client:
        return of_message(client.messages.create(model="real", max_tokens=MOST, messages=QUESTION))


def message_stream(server: ServerProcess) -> tuple[str, int, int]:
    with (
        anthropic(server) as client,
        client.messages.stream(model="real", max_tokens=MOST, messages=QUESTION) as events,
    ):
        return of_message(events.get_final_message())


def anthropic(server: ServerProcess) -> Anthropic:
    return Anthropic(base_url=server.url, api_key=server.client.key, max_retries=0)


def of_message(answer: Any) -> tuple[str, int, int]:
    usage = answer.usage
    read = usage.input_tokens + (usage.cache_read_input_tokens or 0)
    return "".join(block.text for block in answer.content), read, usage.output_tokens


def booked(server: ServerProcess, count: int) -> list[dict[str, Any]]:
    until = time.monotonic() + 15
    while True:
        rows: list[dict[str, Any]] = server.get("/api/v1/usage/calls").json()["data"]
        if len(rows) >= count or time.monotonic() > until:
            return rows
        time.sleep(0.2)
