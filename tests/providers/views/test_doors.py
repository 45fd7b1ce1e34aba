"""The doors one by one: forms, dialects, models, keys of idempotency, bytes that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.models import StoredAnswer
from tests.doors.rest import BAD_BODIES
from tests.factories.providers import make_deployment, make_provider, make_route
from tests.providers.gateway.house import HELLO, House, events

CHAT = {"model": "m", "messages": HELLO}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"model": "m", "prompt": "Hello"},
    "/v1/embeddings": {"model": "m", "input": "Hello"},
    "/v1/images/generations": {"model": "m", "prompt": "Hello"},
    "/v1/messages": {"model": "m", "max_tokens": 9, "messages": HELLO},
    "/v1/messages/count_tokens": {"model": "m", "messages": HELLO},
}


def code(answer: Any) -> str:
    """Of either shape."""
    body = answer.json()
    return str(body["error"].get("code") or body["error"]["type"])


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("raw", BAD_BODIES.values(), ids=BAD_BODIES)
def test_bad_bytes_are_refused(house: House, path: str, raw: bytes) -> None:
    answer = house.client.post(path, key=house.place.key, raw=raw)

    assert answer.status in (400, 422)
    body = answer.json()
    assert (body.get("request_id") or body["error"]["request_id"]) == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", BODIES)
def test_another_media_type_is_unsupported(house: House, path: str) -> None:
    answer = house.post(path, BODIES[path], headers={"Content-Type": "text/plain"})

    assert answer.status == 415


@pytest.mark.parametrize("path", BODIES)
def test_no_key_is_unauthenticated(house: House, path: str) -> None:
    answer = house.client.post(path, BODIES[path])

    assert (answer.status, code(answer)) == (
        401,
        "authentication_error" if "messages" in path else "unauthenticated",
    )


@pytest.mark.parametrize("path", BODIES)
def test_a_viewer_may_not_call(house: House, path: str) -> None:
    key = house.place.without("providers.model.call")

    assert house.client.post(path, BODIES[path], key=key).status == 403


def test_a_completion_of_openai_s_form(house: House) -> None:
    house.route("ok?tokens=2")

    answer = house.post("/v1/completions", {"model": "m", "prompt": "Hello", "max_tokens": 5})

    assert (answer.status, answer.json()["object"]) == (200, "text_completion")
    assert answer.json()["choices"][0]["text"] == "word0 word1"
    assert house.calls[0].path == "/v1/completions"
    assert house.record["operation"] == "completion"


def test_a_streamed_completion(house: House) -> None:
    house.route("ok?tokens=2")

    parts = events(house.post("/v1/completions", {"model": "m", "prompt": "Hi", "stream": True}))

    assert parts[-1] == "[DONE]"
    said = "".join(choice["text"] for part in parts[:-1] for choice in part["choices"])
    assert said == "word0 word1"


@pytest.mark.parametrize("provider", ["openai_compatible", "main"])
def test_a_completion_of_one_provider_s_model(house: House, provider: str) -> None:
    """By the provider's kind or name; no route is needed."""
    at = house.provider(name="main")
    make_deployment(house.organization, provider=at, name="d", model="ok?text=there")
    elsewhere = make_provider(house.organization, name="elsewhere")
    make_deployment(house.organization, provider=elsewhere, name="e", model="ok?text=there")

    answer = house.post(
        "/v1/completions",
        {"provider": provider, "model": "ok?text=there", "prompt": "Hello", "max_tokens": 100},
    )

    assert answer.status == 200
    assert answer.headers["x-signalbox-provider"] == "main"
    assert "provider" not in house.calls[0].body


def test_a_provider_s_own_targets_of_a_route_are_preferred(house: House) -> None:
    other = make_deployment(
        house.organization,
        provider=make_provider(house.organization, name="sim"),
        model="simulated",
    )
    make_route(house.organization, name="m", targets=[other, house.deployment("ok?text=here")])

    answer = house.post("/v1/completions", {"provider": "sim", "model": "m", "prompt": "Hello"})

    assert (answer.status, answer.headers["x-signalbox-provider"]) == (200, "sim")


def test_a_provider_that_has_no_such_model_is_unknown(house: House) -> None:
    house.route("ok")

    answer = house.post("/v1/completions", {"provider": "nobody", "model": "m", "prompt": "Hello"})

    assert (answer.status, answer.error) == (404, "model_not_found")


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_completion_is_had_from_a_model_that_only_chats(house: House, is_stream: bool) -> None:
    house.route(house.deployment("ok?tokens=2", capabilities=["chat"]))

    answer = house.post("/v1/completions", {"model": "m", "prompt": "Hello", "stream": is_stream})

    assert answer.status == 200
    assert house.calls[0].path == "/v1/chat/completions"
    assert house.calls[0].body["messages"] == HELLO
    if is_stream:
        said = "".join(choice["text"] for part in events(answer)[:-1] for choice in part["choices"])
        assert said == "word0 word1"
    else:
        assert answer.json()["object"] == "text_completion"
        assert answer.json()["choices"][0]["text"] == "word0 word1"


def test_embeddings(house: House) -> None:
    house.route("ok")

    answer = house.post("/v1/embeddings", {"model": "m", "input": ["a", "b"]})

    assert (answer.status, len(answer.json()["data"])) == (200, 2)
    assert house.record["operation"] == "embeddings"
    assert house.record["completion_tokens"] == 0


def test_anthropic_s_form_at_an_openai_provider(house: House) -> None:
    house.route("ok?tokens=2&prompt_tokens=7&completion_tokens=2")

    answer = house.post("/v1/messages", BODIES["/v1/messages"])

    body = answer.json()
    assert answer.status == 200
    assert (body["type"], body["content"]) == (
        "message",
        [{"type": "text", "text": "word0 word1"}],
    )
    assert body["usage"]["input_tokens"] == 7
    assert house.calls[0].path == "/v1/chat/completions"


@pytest.mark.parametrize("kind", ["anthropic", "openai_compatible"])
def test_anthropic_s_stream(house: House, kind: str) -> None:
    house.route(house.deployment("ok?tokens=2", kind=kind))

    answer = house.post("/v1/messages", {**BODIES["/v1/messages"], "stream": True})

    names = [
        line.removeprefix("event: ")
        for line in answer.body.decode().split("\n")
        if line.startswith("event: ")
    ]
    assert names[0] == "message_start"
    assert names[-1] == "message_stop"
    assert b"[DONE]" not in answer.body


def test_anthropic_s_stream_that_is_cut(house: House) -> None:
    house.route(house.deployment("half?after=4", kind="anthropic"))

    answer = house.post("/v1/messages", {**BODIES["/v1/messages"], "stream": True})

    last = answer.body.decode().rstrip().split("\n\n")[-1]
    assert last.startswith("event: error\ndata: ")
    assert '"type":"api_error"' in last
    assert "message_stop" not in answer.body.decode()


def test_openai_s_form_at_anthropic(house: House) -> None:
    house.route(house.deployment("ok?tokens=2", kind="anthropic"))

    answer = house.chat()

    assert answer.json()["choices"][0]["message"]["content"] == "word0 word1"
    assert house.calls[0].headers["x-api-key"]


def test_counting_tokens_asks_nobody(house: House) -> None:
    house.route("ok")

    answer = house.post("/v1/messages/count_tokens", BODIES["/v1/messages/count_tokens"])

    assert answer.status == 200
    assert answer.json()["input_tokens"] > 0
    assert (house.calls, house.records) == ([], [])


def test_models_are_those_one_may_call(house: House, tokens: Any) -> None:
    house.route("ok", name="one")
    house.route("ok", name="two")
    House(tokens, house.llm, []).route("ok", name="theirs")

    answer = house.get("/v1/models")

    rows = answer.json()["data"]
    assert [(row["id"], row["object"], row["owned_by"]) for row in rows] == [
        ("one", "model", "openai_compatible"),
        ("two", "model", "openai_compatible"),
    ]
    assert house.get("/v1/models/two").json() == rows[1]
    assert rows[0]["created"] > 1_700_000_000
    missing = house.get("/v1/models/theirs")
    assert (missing.status, missing.error) == (404, "model_not_found")


# ------------------------------------------------------------------ Idempotency-Key


def test_a_repeated_key_calls_once(house: House) -> None:
    house.route("ok?tokens=2")

    first = house.chat(headers={"Idempotency-Key": "once"})
    second = house.chat(headers={"Idempotency-Key": "once"})

    assert (first.status, second.status) == (200, 200)
    assert second.body == first.body
    assert second.headers["idempotency-replayed"] == "true"
    assert (len(house.calls), len(house.records)) == (1, 1)


def test_a_stream_is_replayed_to_its_end(house: House) -> None:
    house.route("ok?tokens=5&gap=0.01")

    first = house.chat(stream=True, headers={"Idempotency-Key": "once"})
    second = house.chat(stream=True, headers={"Idempotency-Key": "once"})

    assert events(second)[-1] == "[DONE]"
    assert second.body == first.body
    assert len(house.calls) == 1


def test_a_cut_stream_frees_its_key(house: House) -> None:
    house.route("half?after=3")

    house.chat(stream=True, headers={"Idempotency-Key": "once"})
    house.chat(stream=True, headers={"Idempotency-Key": "once"})

    assert len(house.calls) == 2
    assert StoredAnswer._base_manager.count() == 0


def test_a_failed_call_frees_its_key(house: House) -> None:
    house.route("status?code=400")

    for _ in range(2):
        assert house.chat(headers={"Idempotency-Key": "once"}).status == 422

    assert len(house.calls) == 2


def test_a_key_with_another_body_is_a_conflict(house: House) -> None:
    house.route("ok")
    house.chat(headers={"Idempotency-Key": "once"})

    answer = house.chat(n=2, headers={"Idempotency-Key": "once"})

    assert (answer.status, answer.error) == (409, "idempotency_key_reused")
    assert answer.headers["x-should-retry"] == "false"


def test_a_call_without_a_key_writes_no_row(house: House, django_assert_num_queries: Any) -> None:
    house.route("ok")
    house.chat()

    with django_assert_num_queries(1):  # the poll for news that this client makes of every call
        house.chat()
