"""Answers by REST: seed 003's stream as it is written there, the whole answer, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.conversations.models import Message
from apps.core.limits.rates import Rate
from tests.client import Answer
from tests.conversations.generations.talk import Talk
from tests.doors.place import make_place

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
STREAM = {"Accept": "text/event-stream"}


def blocks(answer: Answer) -> list[str]:
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    return answer.body.decode().removeprefix("retry: 1000\n\n").split("\n\n")[:-1]


def events(answer: Answer) -> list[tuple[str, str, Any]]:
    """`(id, event, data)` of each; comments are left out."""
    found = []
    for block in blocks(answer):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if lines:
            found.append((lines.get("id", ""), lines["event"], json.loads(lines["data"])))
    return found


def text(told: list[tuple[str, str, Any]]) -> str:
    return "".join(data["content"] for _, name, data in told if name == "token")


def test_seed_003_stream_as_it_is_written_there(talk: Talk) -> None:
    words = [f"w{n}" for n in range(25)]
    talk.house.route("m")
    talk.llm.script("m", f"ok?gap=0.003&text={' '.join(words)}&prompt_tokens=7")

    answer = talk.house.post(talk.path("messages"), {"content": "Hi", "stream": True})
    told = events(answer)

    assert answer.status == 200
    assert told[0][1] == "start"
    assert told[0][2]["status"] == "processing"
    tokens = [(name, data) for _, name, data in told if name == "token"]
    assert all(set(data) == {"content"} for _, data in tokens)
    assert text(told) == " ".join(words)
    assert {"prompt": 7, "completion": 25}.items() <= told[-2][2].items()
    assert told[-1][1] == "done"
    assert {"messageId": told[0][2]["messageId"], "totalTokens": 32}.items() <= told[-1][2].items()
    assert all(name for name, _, _ in told)
    comments = [block for block in blocks(answer) if block == ": keep-alive"]
    assert len(comments) == len(tokens) // 10


def test_a_stream_is_asked_for_by_accept_too(talk: Talk) -> None:
    talk.house.route("ok?text=hello")

    answer = talk.house.post(talk.path("messages"), {"content": "Hi"}, headers=STREAM)

    assert text(events(answer)) == "hello"


def test_without_a_stream_the_answer_is_whole(talk: Talk) -> None:
    talk.house.route("ok?text=hello there&prompt_tokens=7")

    answer = talk.house.post(talk.path("messages"), {"content": "Hi"}).json()

    assert (answer["role"], answer["status"], answer["content"]) == (
        "assistant", "complete", "hello there",
    )  # fmt: skip
    assert answer["usage"] == {"prompt": 7, "completion": 2, "total": 9, "cost": 0.0}
    assert answer["parent_id"] == Message.objects.get(role="user").public_id
    listed = talk.house.get(talk.path("messages")).json()
    assert [one["content"] for one in listed["data"]] == ["Hi", "hello there"]
    assert listed["data"][1] == answer


@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [
        ("status?code=500", 502, "upstream_error"),
        ("status?code=429&retry_after=7", 429, "upstream_rate_limited"),
        ("garbage", 502, "upstream_invalid"),
    ],
)
def test_what_a_call_failed_of_is_the_answers_own_status(
    talk: Talk, mode: str, status: int, code: str
) -> None:
    talk.house.route(mode, retries=0)

    whole = talk.house.post(talk.path("messages"), {"content": "Hi"})
    told = events(talk.house.post(talk.path("messages"), {"content": "Hi", "stream": True}))

    assert (whole.status, whole.error) == (status, code)
    assert [name for _, name, _ in told] == ["start", "usage", "error"] or [
        name for _, name, _ in told
    ] == ["start", "error"]
    assert told[-1][2]["code"] == code
    rows = Message.objects.filter(role="assistant").values_list("status", "error_code")
    assert list(rows) == [("failed", code)] * 2


def test_a_cut_stream_ends_with_an_error_and_no_done(talk: Talk) -> None:
    talk.house.route("half?after=3&text=one two three", retries=0)

    told = events(talk.house.post(talk.path("messages"), {"content": "Hi", "stream": True}))

    assert text(told) == "one two"
    assert told[-1][1:] == (
        "error",
        {
            "message": told[-1][2]["message"],
            "code": "upstream_cut",
            "messageId": told[0][2]["messageId"],
            "status": "failed",
            "offset": 7,
        },
    )
    assert "done" not in [name for _, name, _ in told]


def test_attaching_replays_the_last_answer_and_then_says_nothing_more(talk: Talk) -> None:
    talk.house.route("ok?text=one two three")
    first = events(talk.house.post(talk.path("messages"), {"content": "Hi", "stream": True}))

    again = events(talk.house.get(talk.path("messages"), headers=STREAM))
    name = first[0][2]["messageId"]
    back = {**STREAM, "Last-Event-ID": f"{name}:4"}
    rest = events(talk.house.get(talk.path("messages"), headers=back))
    over = talk.house.get(talk.path("messages"), headers={**STREAM, "Last-Event-ID": first[-1][0]})
    odd = talk.house.get(talk.path("messages"), headers={**STREAM, "Last-Event-ID": "7"})

    assert text(again) == "one two three"
    assert (text(rest), rest[0][2]["offset"]) == ("two three", 4)
    assert (over.status, over.body) == (204, b"")
    assert (odd.status, odd.error) == (422, "validation_error")


def test_an_empty_conversation_has_nothing_to_follow(talk: Talk) -> None:
    assert talk.house.get(talk.path("messages"), headers=STREAM).status == 204


def test_a_strangers_conversation_is_not_found(talk: Talk, house: Any) -> None:
    talk.house.route("ok")
    talk.answer()
    other = make_place(house.place.tokens)

    for call in (
        talk.house.client.get(talk.path("messages"), key=other.key, headers=STREAM),
        talk.house.client.post(talk.path("messages"), {"content": "x"}, key=other.key),
    ):
        assert (call.status, call.error) == (404, "not_found")


def test_the_same_key_gets_the_same_answer_in_either_form(talk: Talk) -> None:
    talk.house.route("ok?text=only once")
    sent = {"headers": {"Idempotency-Key": "k1"}}

    first = talk.house.post(talk.path("messages"), {"content": "Hi"}, **sent)
    again = talk.house.post(talk.path("messages"), {"content": "Hi"}, **sent)
    streamed = {"headers": {"Idempotency-Key": "k1", **STREAM}}
    replay = talk.house.post(talk.path("messages"), {"content": "Hi"}, **streamed)
    other = talk.house.post(talk.path("messages"), {"content": "Other"}, **sent)

    assert (first.status, again.status, again.json()) == (201, 201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert text(events(replay)) == "only once"
    assert (other.status, other.error) == (409, "idempotency_key_reused")
    assert len(talk.llm.calls) == 1
    assert Message.objects.count() == 2


def test_a_key_whose_answer_came_to_nothing_is_free_again(talk: Talk) -> None:
    talk.house.route("m", retries=0)
    talk.llm.script("m", "status?code=500", "ok?text=now")
    sent = {"headers": {"Idempotency-Key": "k1"}}

    first = talk.house.post(talk.path("messages"), {"content": "Hi"}, **sent)
    again = talk.house.post(talk.path("messages"), {"content": "Hi"}, **sent)

    assert (first.status, again.status, again.json()["content"]) == (502, 201, "now")


def test_sending_counts_once_in_the_class_chat(talk: Talk, settings: Any) -> None:
    settings.SIGNALBOX_RATES = {**settings.SIGNALBOX_RATES, "chat": Rate(2, 60)}
    talk.house.route("ok")

    answers = [talk.house.post(talk.path("messages"), {"content": "Hi"}) for _ in range(3)]

    assert [each.status for each in answers] == [201, 201, 429]
    assert answers[0].headers["x-ratelimit-remaining"] == "1"
    assert Message.objects.count() == 4  # what is over the limit leaves no rows


def test_regenerate_edit_and_continue(talk: Talk) -> None:
    talk.house.route("m", retries=0)
    talk.llm.script(
        "m", "ok?text=first", "ok?text=second", "half?after=2&text=third x y", "ok?text=and rest"
    )
    post = talk.house.post

    first = post(talk.path("messages"), {"content": "Hi"}).json()
    second = post(talk.path("messages", first["id"], "regenerate"), {}).json()
    edited = talk.house.client.patch(
        talk.path("messages", first["parent_id"]), {"content": "Hello"}, key=talk.key
    ).json()
    whole = post(talk.path("messages", edited["id"], "continue"), {})

    assert (second["content"], second["siblings"]["position"]) == ("second", 2)
    assert (edited["content"], edited["status"]) == ("third", "failed")
    assert (whole.status, whole.json()["id"]) == (201, edited["id"])
    assert whole.json()["content"] == "third" + "and rest"
    assert (
        post(talk.path("messages", whole.json()["id"], "continue"), {}).error == "not_continuable"
    )


def test_stop_is_idempotent(talk: Talk) -> None:
    talk.house.route("ok?text=whole")
    told = talk.house.post(talk.path("messages"), {"content": "Hi"}).json()

    first = talk.house.post(talk.path("messages", told["id"], "stop"), None)
    again = talk.house.post(talk.path("messages", told["id"], "stop"), None)

    assert (first.status, first.json()) == (200, told)
    assert again.json() == told


def test_chat_begins_a_conversation_or_goes_on_with_one(talk: Talk) -> None:
    talk.house.route("ok?text=hello")

    first = talk.house.post("/api/chat", {"message": "Hi", "model": "m"})
    name = first.json()["conversation_id"]
    more = talk.house.post(
        "/api/v1/chat", {"message": "And?", "conversation_id": name, "stream": True}
    )
    nameless = talk.house.post("/api/chat", {"message": "Hi"})

    assert (first.status, first.json()["message"]["content"]) == (201, "hello")
    assert events(more)[0][2]["conversationId"] == name
    assert [each["role"] for each in talk.llm.calls[1].body["messages"]] == [
        "user", "assistant", "user",
    ]  # fmt: skip
    assert (nameless.status, nameless.error) == (422, "validation_error")


def test_bad_bodies_are_refused_before_anything_is_written(talk: Talk) -> None:
    bad: list[Any] = [
        {},
        {"content": 7},
        {"content": "x", "odd": 1},
        {"content": "x", "stream": "yes"},
        [],
    ]

    told = [talk.house.post(talk.path("messages"), body) for body in bad]

    assert {each.status for each in told} == {422}
    assert Message.objects.count() == 0
