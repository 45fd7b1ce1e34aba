"""Every fault of an upstream and its exact answer: what the caller hears, what is booked, what the upstream saw."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apps.core.asgi import access
from apps.providers.gateway import attempts
from apps.providers.ledger.factory import set_ledger
from apps.providers.ledger.memory import MemoryLedger
from tests.providers.gateway.house import SECRET, House, events, text

CUT = ("upstream_cut", "The provider broke off before its answer was whole.")


def booked(house: House) -> tuple[Any, ...]:
    record = house.record
    return (
        record["status"],
        record["error_code"],
        record["attempts"],
        record["completion_tokens"],
        record["is_estimated"],
    )


@pytest.mark.parametrize(
    ("mode", "status", "code", "tries"),
    [
        ("status?code=500", 502, "upstream_error", 1),
        ("status?code=503", 502, "upstream_error", 1),
        ("status?code=401", 502, "upstream_error", 1),
        ("status?code=404", 502, "upstream_error", 1),
        ("status?code=400", 422, "invalid_request_error", 1),
        ("status?code=422", 422, "invalid_request_error", 1),
        ("status?code=429&retry_after=60", 429, "upstream_rate_limited", 1),
        ("overflow", 422, "context_length_exceeded", 1),
        ("hang", 504, "upstream_timeout", 1),
        ("hang?head=1", 504, "upstream_timeout", 1),
        ("drip?gap=0.05", 504, "upstream_timeout", 1),
        ("reset", 502, "upstream_error", 1),
        ("half", 502, "upstream_invalid", 1),
        ("garbage?kind=html", 502, "upstream_invalid", 1),
        ("garbage?kind=json", 502, "upstream_invalid", 1),
        ("garbage?kind=utf8", 502, "upstream_invalid", 1),
        ("garbage?kind=types", 502, "upstream_invalid", 1),
        ("garbage?kind=missing", 502, "upstream_invalid", 1),
        ("garbage?kind=empty", 502, "upstream_invalid", 1),
        ("huge", 502, "upstream_invalid", 1),
        ("huge?bomb=1", 502, "upstream_invalid", 1),
        ("redirect?to=http://127.0.0.1:1/", 502, "upstream_error", 1),
    ],
)
def test_a_whole_answer_that_fails(
    house: House, mode: str, status: int, code: str, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "MOST_WHOLE", 1_000_000)
    seconds = 1.0 if mode.startswith(("hang", "drip")) else 20.0
    house.route(house.deployment(mode, timeout_seconds=seconds), retries=0)

    answer = house.chat()

    assert (answer.status, answer.error) == (status, code), answer.body
    assert booked(house) == ("error", code, tries, 0, False)
    assert answer.headers["x-signalbox-attempts"] == str(tries)
    house.llm.wait_for(lambda seen: len(seen) == tries)


@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [
        ("status?code=500", 502, "upstream_error"),
        ("status?code=429&retry_after=60", 429, "upstream_rate_limited"),
        ("overflow", 422, "context_length_exceeded"),
        ("hang", 504, "upstream_timeout"),
        ("hang?head=1", 504, "upstream_timeout"),
        ("drip?gap=0.05", 504, "upstream_timeout"),
        ("reset", 502, "upstream_error"),
        ("half?after=1", 502, "upstream_cut"),
        ("garbage?kind=html", 502, "upstream_invalid"),
        ("garbage?kind=json", 502, "upstream_invalid"),
        ("redirect?to=http://127.0.0.1:1/", 502, "upstream_error"),
    ],
)
def test_a_stream_that_never_begins(house: House, mode: str, status: int, code: str) -> None:
    """There is still a status to say it by."""
    seconds = 1.0 if mode.startswith(("hang", "drip")) else 20.0
    deployment = house.deployment(mode, first_token_seconds=seconds, idle_seconds=seconds)
    house.route(deployment, retries=0)

    answer = house.chat(stream=True)

    assert (answer.status, answer.error) == (status, code), answer.body
    assert booked(house) == ("error", code, 1, 0, False)


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("half?after=4&tokens=9", "upstream_cut"),
        ("reset?after=4&tokens=9", "upstream_cut"),
        ("stall?after=4&tokens=9", "upstream_timeout"),
        ("error?after=4&tokens=9", "upstream_error"),
    ],
)
def test_a_stream_that_is_cut(house: House, mode: str, code: str) -> None:
    """Chunks, then an error, never the word for the end; what came is paid for, once."""
    house.route(house.deployment(mode, idle_seconds=0.3))

    answer = house.chat(stream=True)
    parts = events(answer)

    assert answer.status == 200
    assert parts[-1]["error"]["code"] == code
    assert "[DONE]" not in parts
    said = text(parts)
    assert said
    assert "word8" not in said
    assert booked(house) == ("cut", code, 1, len(said.split()), True)
    assert house.record["prompt_tokens"] > 0
    assert len(house.calls) == 1


def test_a_stream_that_drips_for_ever_is_silence(house: House) -> None:
    house.route(house.deployment("drip?gap=0.02", first_token_seconds=0.4), retries=0)

    answer = house.chat(stream=True)

    assert (answer.status, answer.error) == (504, "upstream_timeout")


def test_what_the_upstream_says_back_is_masked(house: House) -> None:
    house.route("status?code=500&echo=1", retries=0)

    answer = house.chat()

    assert answer.status == 502
    assert SECRET.encode() not in answer.body
    assert house.calls[0].headers["authorization"] == f"Bearer {SECRET}"


def test_a_redirect_takes_the_credential_nowhere(house: House, llm: Any) -> None:
    house.route(f"redirect?to={llm.root}/v1/chat/completions", retries=0)

    answer = house.chat()

    assert answer.status == 502
    assert len(house.calls) == 1


def test_a_caller_who_leaves_a_stream_ends_the_upstream_call(house: House) -> None:
    house.route("ok?tokens=200&gap=0.05")

    house.chat(stream=True, then="left")

    seen = house.llm.wait_for(lambda seen: bool(seen) and seen[0].left_after is not None)
    assert seen[0].left_after is not None
    assert seen[0].left_after < 2
    status, code, tries, tokens, is_estimated = booked(house)
    assert (status, code, tries, is_estimated) == ("cancelled", "", 1, True)
    assert 0 < tokens < 50


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_caller_who_leaves_before_anything_came(house: House, is_stream: bool) -> None:
    house.route("hang")

    answer = house.chat(stream=is_stream, then="left")

    seen = house.llm.wait_for(lambda seen: bool(seen) and seen[0].left_after is not None)
    assert answer.status == 0
    assert seen[0].left_after is not None
    assert seen[0].left_after < 2
    assert booked(house) == ("cancelled", "", 1, 0, True)


def test_a_caller_who_leaves_before_anything_came_stands_in_the_access_record(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(access.spool, "append", lambda kind, value: written.append(value))
    house.route("hang")

    house.chat(stream=True, then="left", headers={"X-Request-ID": "req_left"})

    (line,) = written
    told = (line["request_id"], line["path"], line["status"], line["bytes"])
    assert told == ("req_left", "/v1/chat/completions", 499, 0)
    assert house.record["request_id"] == "req_left"


def test_a_caller_who_leaves_while_it_waits_for_its_budget_is_written_down(house: House) -> None:
    class Full(MemoryLedger):
        async def reserve(self, ask: Any) -> Any:
            await asyncio.Event().wait()

    before = set_ledger(Full())
    house.route("ok")
    try:
        house.chat(then="left")
    finally:
        set_ledger(before)

    assert booked(house) == ("cancelled", "", 0, 0, False)
    assert house.calls == []
