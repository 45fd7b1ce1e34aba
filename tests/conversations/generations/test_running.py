"""One answer from its question to its row."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import DataError

from apps.conversations.domain.answers import Checkpoint
from apps.conversations.domain.positions import Position
from apps.conversations.enums import MessageStatus
from apps.conversations.generations import hub
from apps.conversations.generations.running import Generation
from apps.conversations.generations.viewing import Told
from apps.conversations.models import Generation as Row
from apps.conversations.services import generations as writing
from apps.conversations.services import messages
from apps.conversations.services.messages import Begun
from apps.core.asgi.pool import in_pool
from apps.core.tenancy import organization_scope
from tests.conversations.generations.talk import Talk, names, text, told
from tests.factories.branches import make_conversation_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_an_answer_stands_in_its_message_with_what_it_used_and_cost(talk: Talk) -> None:
    deployment = talk.house.deployment(
        "ok?text=one two three&prompt_tokens=7", input_price=1, output_price=2
    )
    talk.house.route(deployment)

    message = talk.answer("Count.")

    assert (message.content, message.status) == ("one two three", MessageStatus.COMPLETE)
    assert (message.prompt_tokens, message.completion_tokens) == (7, 3)
    assert message.cost_nano == 7 * 1000 + 3 * 2000
    assert (message.finish_reason, message.request_id) == ("stop", "req_test")
    assert message.finished_at is not None
    assert message.context == {"messages": 1, "tokens": 14, "left_out": 0, "summary": False}
    assert list(Row.objects.all()) == []


def test_a_viewer_is_told_start_tokens_usage_done(talk: Talk) -> None:
    talk.house.route("ok?text=one two three&prompt_tokens=7")

    async def work() -> tuple[Generation, list[Told]]:
        generation = await talk.start()
        viewer = await talk.look(generation)
        return generation, await told(viewer)

    generation, events = talk.run(work)
    name = generation.message

    assert names(events) == ["start", "token", "usage", "done"]
    assert events[0].data["status"] == "processing"
    assert events[0].data["messageId"] == name
    assert text(events) == "one two three"
    assert events[-2].data == {"prompt": 7, "completion": 3, "cost": 0.0}
    assert events[-1].data == {
        "messageId": name,
        "totalTokens": 10,
        "status": "complete",
        "finishReason": "stop",
    }
    assert [str(event.position) for event in events][-2:] == [f"{name}:13.usage", f"{name}:13.done"]


def test_ten_reconnects_tell_every_character_once(talk: Talk) -> None:
    words = " ".join(f"wörd{n}😀" for n in range(60))
    talk.house.route("slow")
    talk.llm.script("slow", f"ok?gap=0.01&text={words}")

    async def work() -> tuple[str, Generation]:
        generation = await talk.start()
        seen, after = "", None
        for _ in range(10):
            viewer = await talk.look(generation, after)
            for _ in range(4):
                if (event := await viewer.next(5)) is None:
                    break
                seen += text([event])
                after = event.position
            viewer.close()
        last = await told(await talk.look(generation, after))
        return seen + text(last), generation

    seen, generation = talk.run(work)

    assert seen == words
    assert talk.message(generation).content == words


def test_whoever_comes_after_the_end_is_told_the_rest_from_the_row(talk: Talk) -> None:
    talk.house.route("ok?text=one two three")
    message = talk.answer()

    async def work() -> list[list[Told]]:
        place = Position(message.public_id, 4)
        usage = Position(message.public_id, 13, stage="usage")
        done = Position(message.public_id, 13, stage="done")
        beyond = Position(message.public_id, 99)
        return [
            await told(await hub.attach(message, after))
            for after in (None, place, usage, done, beyond)
        ]

    whole, rest, last, nothing, beyond = talk.run(work)

    assert (names(whole), text(whole)) == (["start", "token", "usage", "done"], "one two three")
    assert (names(rest), text(rest)) == (["start", "token", "usage", "done"], "two three")
    assert names(last) == ["start", "done"]
    assert nothing == []
    assert (names(beyond), beyond[0].data["offset"]) == (["start", "usage", "done"], 13)


def test_a_stream_that_is_cut_keeps_its_text_and_has_failed(talk: Talk) -> None:
    talk.house.route("half?after=4&text=one two three four five", retries=0)

    message = talk.answer()

    assert (message.status, message.content) == (MessageStatus.FAILED, "one two three")
    assert message.error_code == "upstream_cut"
    assert message.completion_tokens is not None


def test_an_error_before_the_first_token_is_told_by_its_code(talk: Talk) -> None:
    talk.house.route("status?code=500", retries=0)

    message = talk.answer()

    assert (message.status, message.content) == (MessageStatus.FAILED, "")
    assert (message.error_code, message.prompt_tokens) == ("upstream_error", 0)


def test_a_model_that_is_gone_fails_the_answer(talk: Talk) -> None:
    route = talk.house.route("ok")

    async def work() -> Generation:
        begun = await in_pool(talk.begin)
        await in_pool(route.delete)
        generation = hub.start(talk.actor, begun)
        await generation.transcript.ended()
        return generation

    message = talk.message(talk.run(work))

    assert (message.status, message.error_code) == (MessageStatus.FAILED, "model_not_found")
    assert message.prompt_tokens is None


def test_stopping_ends_the_call_upstream_and_keeps_the_text(talk: Talk) -> None:
    talk.house.route("stall?after=3&text=one two three")

    async def work() -> Generation:
        generation = await talk.start()
        viewer = await talk.look(generation)
        while await viewer.next(5) is not None and len(generation.transcript.content) < 7:
            pass
        await hub.stop(talk.actor, conversation_id=talk.conversation.public_id)
        return generation

    generation = talk.run(work)
    message = talk.message(generation)

    assert (message.status, message.content) == (MessageStatus.STOPPED, "one two")
    assert message.completion_tokens == 2
    seen = talk.llm.wait_for(lambda calls: calls[0].left_after is not None)
    assert (seen[0].left_after or 99) < 2
    assert list(Row.objects.all()) == []


def test_leaving_does_not_stop_it(talk: Talk) -> None:
    talk.house.route("slow")
    talk.llm.script("slow", "ok?gap=0.02&tokens=20")

    async def work() -> Generation:
        generation = await talk.start()
        viewer = await talk.look(generation)
        await viewer.next(5)
        viewer.close()
        await generation.transcript.ended()
        return generation

    message = talk.message(talk.run(work))

    assert message.status == MessageStatus.COMPLETE
    assert message.content.split() == [f"word{n}" for n in range(20)]


def test_the_text_is_written_down_while_it_comes(talk: Talk) -> None:
    talk.house.route("stall?after=4&text=one two three four")

    async def work() -> tuple[str, str]:
        generation = await talk.start()
        for _ in range(40):
            await asyncio.sleep(0.05)
            row = await in_pool(talk.message, generation)
            if row.content:
                break
        generation.stop()
        await generation.transcript.ended()
        return row.content, row.status

    assert talk.run(work) == ("one two three", MessageStatus.GENERATING)


def test_an_answer_is_continued_where_it_broke_off(talk: Talk) -> None:
    talk.house.route("twice", retries=0)
    talk.llm.script("twice", "half?after=3&text=one two three", "ok?text=and four&prompt_tokens=9")
    first = talk.answer()

    async def work() -> tuple[Generation, list[Told]]:
        generation = await talk.go_on(first)
        after = Position(generation.message, 7, stage="error")
        return generation, await told(await talk.look(generation, after))

    generation, events = talk.run(work)
    message = talk.message(generation)

    assert (message.public_id, message.status) == (first.public_id, MessageStatus.COMPLETE)
    assert message.content == "one two" + "and four"
    assert text(events) == "and four"
    assert message.completion_tokens == (first.completion_tokens or 0) + 2
    said = talk.llm.calls[1].body["messages"]
    assert [one["role"] for one in said[:2]] == ["user", "assistant"]
    assert said[1]["content"] == "one two"


def test_one_answer_that_cannot_be_written_holds_up_no_other(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.house.route("ok?tokens=12&gap=0.1")
    write_down = writing.write_down
    poisoned: list[int] = []

    def picky(*, checkpoints: list[Checkpoint], **more: Any) -> writing.Heard:
        if any(each.message in poisoned for each in checkpoints):
            raise DataError("no text of ours")
        return write_down(checkpoints=checkpoints, **more)

    monkeypatch.setattr(writing, "write_down", picky)

    def elsewhere() -> Begun:
        with organization_scope(talk.actor.organization_id):
            made = make_conversation_of(talk.actor, model="m")
            return messages.write_message(
                actor=talk.actor, conversation_id=made.public_id, content="Hello"
            )

    async def work() -> tuple[Generation, Generation]:
        bad = await talk.start()
        poisoned.append(bad.message_pk)
        good = hub.start(talk.actor, await in_pool(elsewhere))
        await asyncio.gather(bad.transcript.ended(), good.transcript.ended())
        return bad, good

    bad, good = talk.run(work)

    assert talk.message(good).status == MessageStatus.COMPLETE
    assert talk.message(good).content == str(good.transcript.content)
    assert bad.transcript.ending is not None
    assert bad.transcript.ending.status == MessageStatus.INTERRUPTED
