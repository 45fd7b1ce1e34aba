"""A stream whose upstream is silent for long: something that means nothing goes out, and nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.gateway.house import HELLO, House, events, text

SLOW = "ok?tokens=2&gap=0.7"


@pytest.fixture(autouse=True)
def impatient(settings: Any) -> None:
    settings.SIGNALBOX_KEEP_ALIVE_SECONDS = 0.3


def test_openai_s_callers_get_comments(house: House) -> None:
    house.route(SLOW)

    answer = house.chat(stream=True)

    assert answer.body.count(b": keep-alive\n\n") >= 2
    assert text(events(answer)) == "word0 word1"
    assert house.record["status"] == "ok"


def test_anthropic_s_callers_get_pings(house: House) -> None:
    house.route(SLOW)

    body = {"model": "m", "max_tokens": 9, "messages": HELLO, "stream": True}
    answer = house.post("/v1/messages", body)

    assert answer.body.count(b'event: ping\ndata: {"type": "ping"}\n\n') >= 2
    kinds = [part["type"] for part in events(answer)]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")


def test_a_stream_that_flows_gets_none(house: House) -> None:
    house.route("ok?tokens=20&gap=0.05")

    answer = house.chat(stream=True)

    assert b"keep-alive" not in answer.body


def test_they_come_while_another_deployment_is_asked_to_go_on(house: House) -> None:
    first = "half?after=2&text=Once upon a time"
    house.route(first, "ok?goes_on=1&ttft=0.7&text=Once upon a time", continues=True)

    answer = house.chat(stream=True)

    assert text(events(answer)) == "Once upon a time"
    assert b": keep-alive" in answer.body
    assert answer.body.index(b": keep-alive") < answer.body.index(b": continued by")
