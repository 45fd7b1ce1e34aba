"""Answers through GraphQL: begun by mutations, followed token by token from any position, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from apps.conversations.generations import hub
from apps.conversations.models import Generation, Message
from apps.core.actor import Role
from apps.core.limits.rates import Rate
from apps.core.tenancy import organization_scope
from tests.conversations.generations.conftest import house, llm, llm_server, records, tokens
from tests.conversations.graphql.conftest import refusal
from tests.conversations.graphql.talk import Talk, Wire
from tests.factories.branches import make_conversation_of, make_shown_conversation_of
from tests.factories.tenants import make_admin, make_member
from tests.providers.gateway.house import House

__all__ = ["house", "llm", "llm_server", "records", "tokens"]
pytestmark = [pytest.mark.integration, pytest.mark.django_db]
FIELDS = "conversationId message { id status content parentId usage { total } error { code } }"
WRITE = f"mutation ($c: ID!, $text: String!, $model: String, $parent: ID, $files: [ID!], $wait: Boolean) {{ writeMessage(conversationId: $c, content: $text, model: $model, parentId: $parent, attachments: $files, wait: $wait) {{ {FIELDS} }} }}"
EDIT = f"mutation ($c: ID!, $id: ID!, $text: String!) {{ editMessage(conversationId: $c, id: $id, content: $text, wait: true) {{ {FIELDS} }} }}"
AGAIN = f"mutation ($c: ID!, $id: ID!) {{ regenerateMessage(conversationId: $c, id: $id, wait: true) {{ {FIELDS} }} }}"
GO_ON = f"mutation ($c: ID!, $id: ID!) {{ continueMessage(conversationId: $c, id: $id, wait: true) {{ {FIELDS} }} }}"
CHAT = f"mutation ($text: String!, $c: ID, $model: String) {{ chat(message: $text, conversationId: $c, model: $model, wait: true) {{ {FIELDS} }} }}"
STOP = f"mutation ($c: ID!, $id: ID!) {{ stopAnswer(conversationId: $c, id: $id) {{ {FIELDS} }} }}"
TOKENS = "subscription ($id: ID!, $after: String) { answerTokens(messageId: $id, after: $after) { position type messageId content offset context status toolCalls usage { prompt completion } totalTokens finishReason error { code message } done } }"


@pytest.fixture
def talk(house: House) -> Iterator[Talk]:
    with organization_scope(house.organization.pk):
        yield Talk(house)


def text(events: list[Any]) -> str:
    return "".join(event["content"] for event in events if event["type"] == "token")


# ------------------------------------------------------------------ deeds


def test_a_written_message_is_answered_whole_when_it_waits(talk: Talk) -> None:
    talk.house.route("ok?text=one two&prompt_tokens=5")

    made = talk.done(WRITE, c=talk.name, text="Hello", wait=True)

    asked, answer = Message.objects.order_by("pk")
    assert made == {
        "conversationId": talk.name,
        "message": {
            "id": answer.public_id,
            "status": "complete",
            "content": "one two",
            "parentId": asked.public_id,
            "usage": {"total": 7},
            "error": None,
        },
    }
    assert asked.content == "Hello"
    assert Generation.objects.count() == 0


def test_deeds_on_branches(talk: Talk) -> None:
    talk.house.route("ok?text=so")
    first = talk.done(WRITE, c=talk.name, text="one", wait=True)["message"]

    again = talk.done(AGAIN, c=talk.name, id=first["id"])["message"]
    edited = talk.done(EDIT, c=talk.name, id=first["parentId"], text="two")["message"]

    said = list(Message.objects.order_by("pk").values_list("role", "content", "parent__public_id"))
    assert again["parentId"] == first["parentId"]
    assert edited["parentId"] not in (None, first["parentId"])
    assert said == [
        ("user", "one", None),
        ("assistant", "so", first["parentId"]),
        ("assistant", "so", first["parentId"]),
        ("user", "two", None),
        ("assistant", "so", edited["parentId"]),
    ]


def test_an_answer_that_broke_off_is_gone_on_with(talk: Talk) -> None:
    talk.house.route("half?after=2", "ok?text=the rest", retries=0)
    talk.llm.script("half?after=2", "half?after=2", "ok?text= and the rest")
    cut = talk.done(WRITE, c=talk.name, text="one", wait=True)["message"]

    whole = talk.done(GO_ON, c=talk.name, id=cut["id"])["message"]
    more = talk.ask(GO_ON, c=talk.name, id=cut["id"])

    assert (cut["status"], cut["error"]["code"]) == ("failed", "upstream_cut")
    assert (whole["id"], whole["status"], whole["error"]) == (cut["id"], "complete", None)
    assert whole["content"].startswith(cut["content"])
    assert len(whole["content"]) > len(cut["content"])
    assert refusal(more) == ("CONFLICT", "not_continuable")


def test_chat_begins_a_conversation_and_goes_on_in_it(talk: Talk) -> None:
    talk.house.route("ok?text=so")

    first = talk.done(CHAT, text="Hello", model="m")
    second = talk.done(CHAT, text="More", c=first["conversationId"])

    assert first["conversationId"] == second["conversationId"] != talk.name
    assert second["message"]["content"] == "so"
    assert refusal(talk.ask(CHAT, text="Hello"))[0] == "INVALID"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"text": " "}, "INVALID"),
        ({"text": "x" * 200_001}, "INVALID"),
        ({"text": "x", "model": "nothing"}, "INVALID"),
        ({"text": "x", "files": ["file_nothing"]}, "INVALID"),
        ({"text": "x", "parent": "msg_nothing"}, "NOT_FOUND"),
        ({"text": "x", "c": "conv_nothing"}, "NOT_FOUND"),
        ({"text": None}, "INVALID"),
    ],
)
def test_what_begins_no_answer(talk: Talk, given: dict[str, Any], expected: str) -> None:
    talk.house.route("ok")

    assert refusal(talk.ask(WRITE, **{"c": talk.name, **given}))[0] == expected
    assert (Message.objects.count(), talk.llm.calls) == (0, [])


def test_a_failure_with_nothing_to_show_is_the_answer(talk: Talk) -> None:
    talk.house.route("status?code=500", retries=0)

    body = talk.ask(WRITE, c=talk.name, text="Hello", wait=True)

    assert refusal(body) == ("UPSTREAM", "upstream_error")
    assert Message.objects.get(role="assistant").status == "failed"


def test_one_answer_at_a_time_on_a_branch(talk: Talk) -> None:
    talk.house.route("hang")

    async def work() -> tuple[Any, Any]:
        async with Wire(talk.key) as wire:
            await wire.begin(WRITE, c=talk.name, text="one")
            begun = (await wire.hear())["payload"]["data"]["writeMessage"]["message"]
            await wire.hear()
            await wire.begin(WRITE, c=talk.name, text="two")
            refused = (await wire.hear())["payload"]
            await wire.hear()
            await wire.begin(STOP, c=talk.name, id=begun["id"])
            stopped = (await wire.hear())["payload"]["data"]["stopAnswer"]["message"]
            assert begun["status"] == "generating"
            return refused, stopped

    refused, stopped = talk.run(work)

    assert refusal(refused) == ("CONFLICT", "branch_busy")
    assert stopped["status"] == "stopped"
    assert refusal(talk.ask(STOP, c=talk.name, id="msg_nothing"))[0] == "NOT_FOUND"
    assert talk.done(STOP, c=talk.name, id=stopped["id"])["message"]["status"] == "stopped"


def test_others_write_nothing(talk: Talk) -> None:
    talk.house.route("ok")
    shown = make_shown_conversation_of(talk.actor, "one", "two", model="m")
    private = make_conversation_of(talk.actor, "one", "two", model="m")
    member = talk.key_of(make_member(talk.house.organization))
    viewer = talk.key_of(make_member(talk.house.organization, Role.VIEWER))
    stranger = talk.key_of(make_admin())

    def codes(key: str, conversation: Any) -> set[str]:
        answer = Message.objects.get(conversation=conversation, role="assistant").public_id
        where = {"c": conversation.public_id, "id": answer}
        deeds = [
            (WRITE, {"text": "x"}),
            (EDIT, {"text": "x"}),
            (AGAIN, {}),
            (GO_ON, {}),
            (STOP, {}),
        ]
        return {
            refusal(talk.ask(query, key=key, **{**where, **more}))[0] for query, more in deeds
        } | {refusal(talk.ask(CHAT, key=key, text="x", c=where["c"]))[0]}

    assert codes(member, shown) == codes(viewer, shown) == codes(viewer, private) == {"DENIED"}
    assert (
        codes(member, private)
        == codes(stranger, private)
        == codes(stranger, shown)
        == {"NOT_FOUND"}
    )
    assert talk.llm.calls == []


def test_each_answer_counts_once_as_a_chat(talk: Talk, settings: Any) -> None:
    talk.house.route("ok?text=so")
    settings.SIGNALBOX_RATES = {**settings.SIGNALBOX_RATES, "chat": Rate(3, 60)}
    twice = 'mutation ($c: ID!) { a: writeMessage(conversationId: $c, content: "x", wait: true) { conversationId } b: writeMessage(conversationId: $c, content: "x", wait: true) { conversationId } }'

    first = talk.ask(twice, c=talk.name)
    third = talk.ask(WRITE, c=talk.name, text="x", wait=True)
    fourth = talk.ask(WRITE, c=talk.name, text="x", wait=True)

    assert "errors" not in first
    assert "errors" not in third
    assert refusal(fourth) == ("LIMITED", "rate_limited")
    assert fourth["errors"][0]["extensions"]["retry_after"] > 0
    assert Message.objects.count() == 6
    assert (
        len(set(Message.objects.filter(role="assistant").values_list("request_id", flat=True))) == 3
    )


def test_who_waits_no_longer_is_told_how_far_it_is(talk: Talk, settings: Any) -> None:
    settings.SIGNALBOX_GRAPHQL_CALL_SECONDS = 0.6
    talk.house.route("hang")

    async def work() -> Any:
        async with Wire(talk.key) as wire:
            await wire.begin(WRITE, c=talk.name, text="one", wait=True)
            made = (await wire.hear())["payload"]["data"]["writeMessage"]["message"]
            hub.hub().ring_stop(made["id"])
            return made

    assert talk.run(work)["status"] == "generating"


def test_whoever_leaves_does_not_end_it(talk: Talk) -> None:
    talk.house.route("ok?tokens=3&gap=0.1")

    async def work() -> None:
        async with Wire(talk.key) as wire:
            await wire.begin(WRITE, c=talk.name, text="one", wait=True)
            await asyncio.sleep(0.15)
            await wire.say({"type": "complete", "id": "1"})
            await asyncio.sleep(0.05)
        (running,) = hub.hub()._running.values()
        await running.transcript.ended()

    talk.run(work)

    assert Message.objects.get(role="assistant").content == "word0 word1 word2"


# ------------------------------------------------------------------ tokens


def test_tokens_come_with_their_positions(talk: Talk) -> None:
    talk.house.route("ok?tokens=3&gap=0.1&prompt_tokens=7")

    async def work() -> list[Any]:
        async with Wire(talk.key) as wire:
            begun = await talk.start()
            await wire.begin(TOKENS, id=begun.message)
            return await wire.told()

    start, *tokens, usage, done = talk.run(work)
    name = Message.objects.get(role="assistant").public_id

    assert (start["type"], start["offset"], start["position"]) == ("start", 0, f"{name}:0")
    assert (start["context"]["messages"], start["context"]["left_out"]) == (1, 0)
    assert [event["content"] for event in tokens] == ["word0", " word1", " word2"]
    assert [event["position"] for event in tokens] == [f"{name}:5", f"{name}:11", f"{name}:17"]
    assert usage["usage"] == {"prompt": 7, "completion": 3}
    assert done == {
        "position": f"{name}:17.done",
        "type": "done",
        "messageId": name,
        "content": "",
        "offset": None,
        "context": None,
        "status": "complete",
        "toolCalls": None,
        "usage": None,
        "totalTokens": 10,
        "finishReason": "stop",
        "error": None,
        "done": True,
    }
    assert [event["done"] for event in (start, *tokens, usage)] == [False] * 5


def test_coming_back_ten_times_tells_every_token_once(talk: Talk) -> None:
    talk.house.route("ok?tokens=30&gap=0.03")

    async def work() -> str:
        begun = await talk.start()
        seen, after = "", None
        for times in range(10):
            async with Wire(talk.key) as wire:
                await wire.begin(TOKENS, id=begun.message, after=after)
                for _ in range(3 if times < 9 else 0):
                    event = (await wire.hear())["payload"]["data"]["answerTokens"]
                    seen, after = seen + event["content"], event["position"]
                if times == 9:
                    seen += text(await wire.told())
        return seen

    assert talk.run(work) == " ".join(f"word{number}" for number in range(30))


def test_an_answer_that_has_ended_is_told_from_any_position(talk: Talk) -> None:
    talk.house.route("ok?text=one two")
    name = talk.answer().public_id

    async def work() -> list[list[Any]]:
        found = []
        async with Wire(talk.key) as wire:
            for after in (None, f"{name}:4", f"{name}:7.usage", f"{name}:7.done"):
                await wire.begin(TOKENS, id=name, after=after)
                found.append(await wire.told())
        return found

    whole, half, end, nothing = talk.run(work)

    assert (text(whole), text(half)) == ("one two", "two")
    assert [event["type"] for event in whole] == ["start", "token", "usage", "done"]
    assert end[-1]["type"] == "done"
    assert "usage" not in [event["type"] for event in end]
    assert nothing == []


def test_a_failure_is_an_event_of_the_answer(talk: Talk) -> None:
    talk.house.route("half?after=2", retries=0)
    name = talk.answer().public_id

    async def work() -> list[Any]:
        async with Wire(talk.key) as wire:
            await wire.begin(TOKENS, id=name)
            return await wire.told()

    last = talk.run(work)[-1]

    assert (last["type"], last["status"], last["done"]) == ("error", "failed", True)
    assert last["offset"] == len(Message.objects.get(role="assistant").content)
    assert last["error"]["code"] == "upstream_cut"


def test_tokens_refuse_what_is_no_position_and_who_may_not_read(talk: Talk) -> None:
    talk.house.route("ok?text=so")
    name = talk.answer().public_id
    other = f"msg_{'0' * 32}"
    keys = {
        "member": talk.key_of(make_member(talk.house.organization)),
        "stranger": talk.key_of(make_admin()),
    }

    async def refused(key: str, **variables: Any) -> tuple[str, str]:
        async with Wire(key) as wire:
            await wire.begin(TOKENS, **variables)
            frame = await wire.hear()
            assert frame["type"] == "error"
            return refusal({"errors": frame["payload"]})

    async def work() -> list[Any]:
        return [
            await refused(talk.key, id=name, after="nonsense"),
            await refused(talk.key, id=name, after=f"{other}:3"),
            await refused(talk.key, id=other),
            await refused(keys["member"], id=name),
            await refused(keys["stranger"], id=name),
        ]

    assert (
        talk.run(work) == [("INVALID", "validation_error")] * 2 + [("NOT_FOUND", "not_found")] * 3
    )


def test_two_viewers_see_the_same(talk: Talk) -> None:
    talk.house.route("ok?tokens=4&gap=0.05")

    async def work() -> tuple[Any, Any]:
        async with Wire(talk.key) as one, Wire(talk.key) as two:
            begun = await talk.start()
            await one.begin(TOKENS, id=begun.message)
            await two.begin(TOKENS, id=begun.message)
            return await asyncio.gather(one.told(), two.told())

    one, two = talk.run(work)

    assert text(one) == text(two) == "word0 word1 word2 word3"
