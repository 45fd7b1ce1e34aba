"""The chat socket of seed 003, as it is written there, and what it refuses."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from apps.conversations import ws
from apps.conversations.enums import MessageStatus
from apps.conversations.generations import hub
from apps.conversations.generations.presenting import message_values
from apps.conversations.models import Message
from apps.conversations.queries.answers import answer_shown
from apps.conversations.rest.messages import present_message
from apps.core.limits.rates import Rate
from apps.core.ws.base import HouseConsumer
from tests.conversations.generations.talk import Talk
from tests.factories.branches import make_conversation_of
from tests.factories.doors import Socket

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PATH = "/api/v1/chat/ws"


def frame(name: str, kind: str, **payload: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "payload": payload}


async def hear_until(socket: Socket, *kinds: str) -> list[dict[str, Any]]:
    told = []
    while True:
        told.append(await socket.hear())
        if not isinstance(told[-1], dict) or told[-1]["type"] in kinds:
            return told


def say(talk: Talk, name: str = "1", **more: Any) -> dict[str, Any]:
    payload = {"conversation_id": talk.conversation.public_id, "content": "Hi", **more}
    return frame(name, "message", **payload)


def test_seed_003_socket_as_it_is_written_there(talk: Talk) -> None:
    talk.house.route("m")
    talk.llm.script("m", "ok?gap=0.01&text=one two three&prompt_tokens=7")

    async def work() -> tuple[list[dict[str, Any]], dict[str, Any]]:
        async with Socket(PATH, key=talk.key) as socket:
            await socket.say(frame("p", "ping"))
            pong = await socket.hear()
            await socket.say(say(talk, "m-1"))
            return await hear_until(socket, "complete"), pong

    told, pong = talk.run(work)
    *tokens, complete = told
    message = Message.objects.get(role="assistant")

    assert (pong["id"], pong["type"], pong["payload"]) == ("p", "pong", {})
    assert all(set(each) == {"id", "type", "payload", "timestamp"} for each in (*told, pong))
    assert {each["id"] for each in told} == {"m-1"}
    assert {each["type"] for each in tokens} == {"token"}
    assert "".join(each["payload"]["content"] for each in tokens) == "one two three"
    assert complete["payload"]["status"] == "complete"
    assert complete["payload"]["totalTokens"] == 10
    assert complete["payload"]["message"]["id"] == message.public_id
    assert complete["payload"]["message"]["content"] == "one two three"
    assert datetime.fromisoformat(told[0]["timestamp"]).utcoffset() is not None


def test_regenerate_tells_another_answer(talk: Talk) -> None:
    talk.house.route("ok?text=again")
    first = talk.answer()

    async def work() -> list[dict[str, Any]]:
        async with Socket(PATH, key=talk.key) as socket:
            where = {"conversation_id": talk.conversation.public_id, "message_id": first.public_id}
            await socket.say(frame("r", "regenerate", **where))
            return await hear_until(socket, "complete")

    told = talk.run(work)

    assert told[-1]["payload"]["message"]["siblings"]["count"] == 2


def test_stop_is_answered_by_complete_with_the_status_stopped(talk: Talk) -> None:
    talk.house.route("stall?after=3&text=one two three")

    async def work() -> list[dict[str, Any]]:
        async with Socket(PATH, key=talk.key) as socket:
            await socket.say(say(talk, "m"))
            first = await socket.hear()
            await socket.say(frame("s", "stop", conversation_id=talk.conversation.public_id))
            told = [first, *await hear_until(socket, "complete")]
            return [*told, *await hear_until(socket, "complete")]

    told = talk.run(work)
    ends = {each["id"]: each["payload"] for each in told if each["type"] == "complete"}

    assert set(ends) == {"m", "s"}
    assert {each["status"] for each in ends.values()} == {"stopped"}
    assert ends["s"]["message"]["content"] == "one two"
    talk.llm.wait_for(lambda calls: calls[0].left_after is not None)


def test_stop_where_nothing_runs_tells_what_is(talk: Talk) -> None:
    talk.house.route("ok")
    talk.answer()

    async def work() -> dict[str, Any]:
        async with Socket(PATH, key=talk.key) as socket:
            await socket.say(frame("s", "stop", conversation_id=talk.conversation.public_id))
            found: dict[str, Any] = await socket.hear()
            return found

    assert talk.run(work)["payload"]["status"] == "complete"


def test_several_answers_come_at_once(talk: Talk) -> None:
    talk.house.route("m")
    talk.llm.script("m", "ok?gap=0.02&tokens=8")
    other = make_conversation_of(talk.actor, model="m")

    async def work() -> list[dict[str, Any]]:
        async with Socket(PATH, key=talk.key) as socket:
            await socket.say(say(talk, "a"))
            await socket.say(say(talk, "b", conversation_id=other.public_id))
            await socket.say(say(talk, "c"))  # a is not whole
            told = await hear_until(socket, "complete")
            return [*told, *await hear_until(socket, "complete")]

    told = talk.run(work)

    assert [each["payload"]["code"] for each in told if each["type"] == "error"] == ["branch_busy"]
    assert {each["id"] for each in told if each["type"] == "complete"} == {"a", "b"}
    kinds = [each["id"] for each in told if each["type"] == "token"]
    assert len({*kinds}) == 2
    assert kinds != sorted(kinds)


def test_bad_frames_are_told_under_their_id_and_keep_the_socket(talk: Talk) -> None:
    bad: list[tuple[Any, str, str]] = [
        ("no json", "", "malformed_request"),
        ([], "", "malformed_request"),
        ({"id": 7, "type": "ping"}, "", "validation_error"),
        ({"id": "x", "type": "shout"}, "x", "validation_error"),
        ({"id": "x", "type": "message"}, "x", "validation_error"),
        (frame("x", "message", content="Hi"), "x", "validation_error"),
        (frame("x", "message", conversation_id="c", content=7), "x", "validation_error"),
        (frame("x", "message", conversation_id="c", content="x", odd="y"), "x", "validation_error"),
        (frame("x", "message", conversation_id="conv_" + "0" * 32, content="x"), "x", "not_found"),
        (frame("x", "stop", conversation_id="nope"), "x", "not_found"),
        ({"id": "x", "type": "auth", "token": "again"}, "x", "already_authenticated"),
    ]

    async def work() -> list[Any]:
        async with Socket(PATH, key=talk.key) as socket:
            told = []
            for sent, _, _ in bad:
                await socket.say(sent)
                told.append(await socket.hear())
            await socket.say(frame("p", "ping"))
            return [*told, await socket.hear()]

    *told, pong = talk.run(work)

    assert [(each["id"], each["payload"]["code"]) for each in told] == [one[1:] for one in bad]
    assert {each["type"] for each in told} == {"error"}
    assert pong["type"] == "pong"
    assert Message.objects.count() == 0


def test_a_failed_call_is_told_as_an_error(talk: Talk) -> None:
    talk.house.route("status?code=500", retries=0)

    async def work() -> list[dict[str, Any]]:
        async with Socket(PATH, key=talk.key) as socket:
            await socket.say(say(talk))
            return await hear_until(socket, "error", "complete")

    told = talk.run(work)

    assert [(each["type"], each["payload"]["code"]) for each in told] == [
        ("error", "upstream_error")
    ]


def test_each_message_counts_in_the_class_chat(talk: Talk, settings: Any) -> None:
    settings.SIGNALBOX_RATES = {**settings.SIGNALBOX_RATES, "chat": Rate(1, 60)}
    talk.house.route("ok")

    async def work() -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        async with Socket(PATH, key=talk.key) as socket:
            await socket.say(say(talk, "a"))
            first = await hear_until(socket, "complete")
            await socket.say(say(talk, "b"))
            second = await socket.hear()
            await socket.say(frame("p", "ping"))
            return first, second, await socket.hear()

    first, second, pong = talk.run(work)

    assert first[-1]["type"] == "complete"
    assert (second["id"], second["payload"]["code"]) == ("b", "rate_limited")
    assert second["payload"]["retry_after"] > 0
    assert pong["type"] == "pong"


def test_who_does_not_say_who_they_are_is_closed(talk: Talk, monkeypatch: Any) -> None:
    monkeypatch.setattr(HouseConsumer, "patience", 0.05)

    async def work() -> tuple[Any, Any, Any]:
        async with Socket(PATH) as silent:
            first = await silent.hear()
        async with Socket(PATH) as wrong:
            await wrong.say({"id": "1", "type": "auth", "token": "nonsense"})
            second = await hear_until(wrong, "nothing")
        async with Socket(PATH) as early:
            await early.say(say(talk))
            third = await hear_until(early, "nothing")
        return first, second, third

    silent, wrong, early = talk.run(work)

    assert silent == 4401
    assert wrong[-1] == 4401
    assert early[-1] == 4401
    assert Message.objects.count() == 0


def test_a_first_frame_authenticates(talk: Talk) -> None:
    async def work() -> list[dict[str, Any]]:
        async with Socket(PATH) as socket:
            await socket.say(frame("1", "auth", token=talk.key))
            return [await socket.hear()]

    told = talk.run(work)

    assert (told[0]["id"], told[0]["type"], told[0]["payload"]) == (
        "1", "complete", {"status": "authenticated"},
    )  # fmt: skip


def test_a_session_cookie_counts_from_pages_of_ours_alone(talk: Talk) -> None:
    identity = talk.house.place.tokens.identities[talk.key]
    talk.house.place.tokens.sessions["s1"] = identity

    async def work() -> tuple[Any, Any]:
        ours = Socket(PATH, cookie="sessionid=s1", origin="http://testserver")
        async with ours:
            await ours.say(frame("p", "ping"))
            pong = await ours.hear()
        foreign = Socket(PATH, cookie="sessionid=s1", origin="https://evil.example")
        async with foreign:
            return pong, foreign.accepted

    pong, accepted = talk.run(work)

    assert pong["type"] == "pong"
    assert accepted is False


def test_a_slow_reader_waits_and_is_told_in_larger_pieces(talk: Talk, monkeypatch: Any) -> None:
    """Nothing is kept for it but the text itself, and it misses nothing."""
    talk.house.route("m")
    talk.llm.script("m", "ok?gap=0.005&tokens=40")
    gate = asyncio.Event()

    async def blocked(self: Any) -> None:
        await gate.wait()

    monkeypatch.setattr(ws.ChatConsumer, "room", blocked)

    async def work() -> list[dict[str, Any]]:
        async with Socket(PATH, key=talk.key) as socket:
            await socket.say(say(talk))
            await asyncio.sleep(0.6)
            gate.set()
            return await hear_until(socket, "complete")

    told = talk.run(work)
    words = "".join(each["payload"]["content"] for each in told if each["type"] == "token")

    assert words.split() == [f"word{n}" for n in range(40)]
    assert len(told) < 10


def test_a_reader_who_takes_nothing_is_closed(talk: Talk, monkeypatch: Any) -> None:
    talk.house.route("m")
    talk.llm.script("m", "ok?gap=0.01&tokens=20")

    async def blocked(self: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(ws.ChatConsumer, "room", blocked)
    monkeypatch.setattr(ws, "STALLED_SECONDS", 0.1)

    async def work() -> tuple[Any, str]:
        async with Socket(PATH, key=talk.key) as socket:
            await socket.say(say(talk))
            code = await socket.hear()
        here = hub.hub()
        for generation in list(here._running.values()):
            await generation.transcript.ended()
        return code, ""

    code, _ = talk.run(work)

    assert code == 1013
    assert Message.objects.get(role="assistant").status == MessageStatus.COMPLETE


def test_a_message_is_shown_as_rest_shows_it(talk: Talk) -> None:
    talk.house.route("ok?text=hello")
    message = talk.answer()

    view = answer_shown(actor=talk.actor, message_id=message.public_id)

    assert message_values(view) == present_message(view)
