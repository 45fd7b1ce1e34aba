"""`createCompletion` and `completionTokens`: the same engine, by GraphQL's words."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from apps.core.asgi import aside
from apps.core.http_client.client import close_session
from tests.factories.doors import Socket, drive
from tests.providers.gateway.house import House

CREATE = """mutation ($input: CompletionInput!) { createCompletion(input: $input) {
  id text model finishReason cost deployment provider attempts cached requestId
  usage { promptTokens completionTokens totalTokens } } }"""
TOKENS = """subscription ($input: CompletionInput!) { completionTokens(input: $input) {
  id text done finishReason cost deployment usage { completionTokens } } }"""
HELLO = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
PRICES = {"input_price": Decimal(1), "output_price": Decimal(2)}


def ask(house: House, query: str = CREATE, **given: Any) -> Any:
    body = {"query": query, "variables": {"input": given or HELLO}}
    answer = house.post("/graphql", body)
    assert answer.status == 200, answer.body
    return answer.json()


def refusal(body: Any) -> tuple[str, str]:
    extensions = body["errors"][0]["extensions"]
    return extensions["code"], extensions["error"]


def test_a_completion_by_messages(house: House) -> None:
    house.route(
        house.deployment("ok?tokens=2&prompt_tokens=10&completion_tokens=2", name="d", **PRICES)
    )

    made = ask(house)["data"]["createCompletion"]

    assert made == {
        "id": made["id"],
        "text": "word0 word1",
        "model": "m",
        "finishReason": "stop",
        "cost": 0.000014,
        "deployment": "d",
        "provider": "openai_compatible",
        "attempts": 1,
        "cached": False,
        "requestId": house.record["request_id"],
        "usage": {"promptTokens": 10, "completionTokens": 2, "totalTokens": 12},
    }
    assert "stream" not in house.calls[0].body


def test_a_completion_in_seed_000_s_words(house: House) -> None:
    house.deployment("ok?text=yes")

    made = ask(
        house,
        provider="openai_compatible",
        model="ok?text=yes",
        prompt="Hello, world!",
        maxTokens=100,
        temperature=0.7,
    )

    assert made["data"]["createCompletion"]["text"] == "yes"
    sent = house.calls[0]
    assert (sent.path, sent.body["max_tokens"], sent.body["temperature"]) == (
        "/v1/completions",
        100,
        0.7,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"model": "nope", "prompt": "x"}, ("NOT_FOUND", "model_not_found")),
        ({"model": "m"}, ("INVALID", "validation_error")),
        ({**HELLO, "prompt": "x"}, ("INVALID", "validation_error")),
        ({**HELLO, "temperature": 9.0}, ("INVALID", "validation_error")),
        ({**HELLO, "maxTokens": 0}, ("INVALID", "validation_error")),
    ],
)
def test_refusals_by_their_codes(
    house: House, given: dict[str, Any], expected: tuple[str, str]
) -> None:
    house.route("ok")

    assert refusal(ask(house, **given)) == expected
    assert house.calls == []


def test_an_upstream_error_is_told(house: House) -> None:
    house.route("status?code=500", retries=0)

    assert refusal(ask(house)) == ("UPSTREAM", "upstream_error")


def test_without_a_key_nothing_is_called(house: House) -> None:
    house.route("ok")
    body = {"query": CREATE, "variables": {"input": HELLO}}

    answer = house.client.post("/graphql", body)

    assert refusal(answer.json()) == ("UNAUTHENTICATED", "unauthenticated")
    assert house.calls == []


def test_a_model_may_take_longer_than_other_fields(house: House, monkeypatch: Any) -> None:
    monkeypatch.setattr("apps.core.graphql.context.SECONDS", 0.05)
    house.route("ok?ttft=0.2&text=late")

    assert ask(house)["data"]["createCompletion"]["text"] == "late"


def test_but_not_longer_than_its_own_bound(house: House, settings: Any) -> None:
    settings.SIGNALBOX_GRAPHQL_CALL_SECONDS = 0.2
    house.route("hang")

    assert refusal(ask(house)) == ("TIMEOUT", "deadline")
    assert house.record["status"] == "cancelled"


def test_it_stands_alone_in_its_operation(house: House) -> None:
    house.route("ok")
    mixed = 'mutation { createCompletion(input: {model: "m", prompt: "x"}) { id } deleteRoute(id: "m") { id } }'
    alone = 'mutation { a: createCompletion(input: {model: "m", prompt: "x"}) { text } }'

    refused = house.post("/graphql", {"query": mixed})
    batched = house.post("/graphql", [{"query": alone}])
    passed = house.post("/graphql", {"query": alone}, headers={"Idempotency-Key": "k"})

    assert (refused.status, refusal(refused.json())) == (422, ("INVALID", "validation_error"))
    assert refusal(batched.json()[0]) == ("INVALID", "validation_error")
    assert passed.json()["data"]["a"]["text"].startswith("word0")
    assert len(house.calls) == 1


# ------------------------------------------------------------------ tokens


class Talk(Socket):
    def __init__(self, key: str) -> None:
        super().__init__("/graphql", key=key, protocol="graphql-transport-ws")

    async def begin(self, query: str, **given: Any) -> None:
        await self.say({"type": "connection_init"})
        assert (await self.hear())["type"] == "connection_ack"
        payload = {"query": query, "variables": {"input": given or HELLO}}
        await self.say({"type": "subscribe", "id": "1", "payload": payload})

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__(*_)
        await asyncio.gather(*aside._ending)
        await close_session()


def test_tokens_come_one_by_one(house: House) -> None:
    house.route(
        house.deployment(
            "ok?tokens=3&gap=0.2&prompt_tokens=10&completion_tokens=3", name="d", **PRICES
        )
    )

    async def talk() -> list[Any]:
        async with Talk(house.place.key) as socket:
            await socket.begin(TOKENS)
            frames = []
            while (frame := await socket.hear())["type"] != "complete":
                frames.append(frame["payload"]["data"]["completionTokens"])
            return frames

    *parts, last = drive(talk())

    assert [part["text"] for part in parts] == ["word0", " word1", " word2"]
    assert all(not part["done"] for part in parts)
    assert last == {
        "id": parts[0]["id"],
        "text": "",
        "done": True,
        "finishReason": "stop",
        "cost": 0.000016,
        "deployment": "d",
        "usage": {"completionTokens": 3},
    }
    assert (house.record["status"], house.record["is_stream"]) == ("ok", True)


def test_a_mutation_runs_over_the_socket_too(house: House) -> None:
    house.route("ok?text=yes")

    async def talk() -> Any:
        async with Talk(house.place.key) as socket:
            await socket.begin(CREATE)
            return await socket.hear()

    assert drive(talk())["payload"]["data"]["createCompletion"]["text"] == "yes"


def test_leaving_ends_the_call_upstream(house: House) -> None:
    house.route("ok?tokens=500&gap=0.02")

    async def talk() -> None:
        async with Talk(house.place.key) as socket:
            await socket.begin(TOKENS)
            assert (await socket.hear())["type"] == "next"
            await socket.say({"type": "complete", "id": "1"})
            await asyncio.sleep(0.5)
            assert len(house.records) == 1

    drive(talk())

    assert house.record["status"] == "cancelled"
    assert house.record["is_estimated"] is True
    assert house.calls[0].left_after is not None
    assert house.calls[0].left_after < 2


def test_a_stream_that_breaks_off_ends_in_an_error(house: House) -> None:
    house.route("half?after=2", retries=0)

    async def talk() -> Any:
        async with Talk(house.place.key) as socket:
            await socket.begin(TOKENS)
            while (frame := await socket.hear())["type"] == "next":
                pass
            return frame

    frame = drive(talk())

    assert frame["type"] == "error"
    assert frame["payload"][0]["extensions"]["error"] == "upstream_cut"
    assert house.record["status"] == "cut"
