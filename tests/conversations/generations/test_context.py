"""What goes up to the model, and what the message says of it."""

from __future__ import annotations

import base64
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from apps.conversations.enums import MessageStatus, Trimming
from apps.conversations.generations.viewing import Told
from apps.conversations.models import Message, Summary
from apps.conversations.queries import briefs
from apps.conversations.queries.uploads import PURPOSE
from apps.core.files import files
from apps.core.models import StoredFile
from tests.conversations.generations.talk import Talk, told
from tests.factories.branches import add_branch
from tests.factories.parts import PNG
from tests.providers.gateway.house import House

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def sent(talk: Talk, call: int = -1) -> list[Any]:
    said: list[Any] = talk.llm.calls[call].body["messages"]
    return said


def set_terms(talk: Talk, **terms: Any) -> None:
    for name, value in terms.items():
        setattr(talk.conversation, name, value)
    talk.conversation.save()


def test_system_prompt_branch_and_parameters_go_up(talk: Talk) -> None:
    talk.house.route("ok")
    set_terms(talk, system_prompt="Be kind.", parameters={"temperature": 0.5, "max_tokens": 9})
    add_branch(talk.conversation, "One", "Two")

    talk.answer("Three")

    assert sent(talk) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three"},
    ]
    body = talk.llm.calls[-1].body
    assert (body["temperature"], body["max_tokens"], body["stream"]) == (0.5, 9, True)


def test_another_branch_does_not_go_up(talk: Talk) -> None:
    talk.house.route("ok")
    first, _ = add_branch(talk.conversation, "One", "Other")
    add_branch(talk.conversation, "Mine", under=first)
    other = talk.answer("More", parent_id=first.public_id)

    assert [one["content"] for one in sent(talk)] == ["One", "More"]
    assert other.context["messages"] == 2


def test_what_outgrows_the_context_is_left_out_and_said(talk: Talk) -> None:
    talk.house.route(talk.house.deployment("ok", context_tokens=1000, max_output_tokens=100))
    add_branch(talk.conversation, *("word " * 250 for _ in range(6)))

    async def work() -> list[Told]:
        generation = await talk.start("The question")
        return await told(await talk.look(generation))

    events = talk.run(work)

    assert len(sent(talk)) == 3
    assert sent(talk)[0]["role"] == "user"
    context = events[0].data["context"]
    assert (context["messages"], context["left_out"], context["summary"]) == (3, 4, False)
    assert context["tokens"] <= 900
    assert Message.objects.order_by("-pk")[0].context == context


def test_a_long_branch_is_read_from_its_end(talk: Talk) -> None:
    talk.house.route(talk.house.deployment("ok", context_tokens=2000))
    add_branch(talk.conversation, *(f"message {n} " * 20 for n in range(450)))

    message = talk.answer("The question")

    assert sent(talk)[-2]["content"].startswith("message 449")
    assert message.context["messages"] + message.context["left_out"] == 451


def test_what_is_left_out_is_summed_up_once(talk: Talk) -> None:
    talk.house.route(
        talk.house.deployment("m", context_tokens=1000, max_output_tokens=100), name="m"
    )
    talk.llm.script("m", "ok?text=In short", "ok?text=First", "ok?text=Second")
    set_terms(talk, trimming=Trimming.SUMMARY, system_prompt="Be kind.")
    said = add_branch(talk.conversation, *("word " * 200 for _ in range(6)))

    first = talk.answer("One more")
    second = talk.answer("And more")

    assert [len(call.body["messages"]) > 0 for call in talk.llm.calls] == [True] * 3
    assert sent(talk, 1)[0]["content"] == "Be kind.\n\nWhat was said before, in short:\nIn short"
    assert sent(talk, 2)[0] == sent(talk, 1)[0]
    assert (first.content, second.content) == ("First", "Second")
    assert first.context["summary"] is True
    assert second.context["summary"] is True
    kept = Summary.objects.get()
    assert kept.text == "In short"
    assert kept.until_id in [each.pk for each in said]
    assert first.context["messages"] + first.context["left_out"] == 7
    assert len(talk.house.records) == 3  # the summary is booked as well
    limits = {record["status"] for record in talk.house.records}
    assert limits == {"ok"}


def test_a_model_that_sums_up_nothing_answers_all_the_same(talk: Talk) -> None:
    talk.house.route(
        talk.house.deployment("m", context_tokens=1000, max_output_tokens=100), retries=0
    )
    talk.llm.script("m", "status?code=400", "ok?text=Fine")
    set_terms(talk, trimming=Trimming.SUMMARY)
    add_branch(talk.conversation, *("word " * 200 for _ in range(6)))

    message = talk.answer("One more")

    assert (message.content, message.context["summary"]) == ("Fine", False)
    assert message.context["left_out"] > 0


def stored(talk: Talk, content: bytes, name: str, kind: str) -> StoredFile:
    return files.store(
        BytesIO(content),
        organization_id=talk.actor.organization_id,
        purpose=PURPOSE,
        limit=10_000_000,
        subject=talk.actor.principal,
        name=name,
        content_type=kind,
        keep=timedelta(days=1),
    )


def test_pictures_go_up_as_pictures_and_texts_as_text(talk: Talk) -> None:
    talk.house.route(talk.house.deployment("ok", capabilities=["chat", "vision"]))
    picture = stored(talk, PNG, "cat.png", "image/png")
    notes = stored(talk, b"Buy milk", "notes.txt", "text/plain; charset=utf-8")

    talk.answer("Look", attachments=[picture.public_id, notes.public_id])

    assert sent(talk) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look\n\n[Attached file: notes.txt]\nBuy milk"},
                {
                    "type": "image_url",
                    "image_url": {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"},
                },
            ],
        }
    ]


def test_of_too_many_bytes_of_files_the_newest_go_up(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.house.route(talk.house.deployment("ok", capabilities=["chat", "vision"]))
    picture = stored(talk, PNG, "cat.png", "image/png")
    monkeypatch.setattr(briefs, "MOST_BYTES", len(PNG) + 1)

    talk.answer("Look", attachments=[picture.public_id])
    talk.answer("Again", attachments=[picture.public_id])

    before, _, now = sent(talk)
    assert before["content"] == "Look\n\n[Attached file: cat.png, which is not shown here]"
    assert [part["type"] for part in now["content"]] == ["text", "image_url"]


def test_a_model_that_sees_nothing_is_told_of_the_picture(talk: Talk) -> None:
    talk.house.route(talk.house.deployment("ok", capabilities=["chat"]))
    picture = stored(talk, PNG, "cat.png", "image/png")

    talk.answer("Look", attachments=[picture.public_id])

    assert sent(talk) == [{"role": "user", "content": "Look\n\n[Attached picture: cat.png]"}]


def test_calls_of_tools_pass_through(talk: Talk) -> None:
    talk.house.route("tools")
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    set_terms(talk, parameters={"tools": [tool]})

    async def work() -> list[Told]:
        generation = await talk.start("Look")
        return await told(await talk.look(generation))

    events = talk.run(work)
    message = Message.objects.get(role="assistant")

    assert [event.name for event in events][-3:] == ["tool_calls", "usage", "done"]
    assert message.tool_calls[0]["function"]["name"] == "look"
    assert events[-3].data == {"tool_calls": message.tool_calls}
    assert message.finish_reason == "tool_calls"


def test_another_answer_is_not_the_one_that_is_kept(talk: Talk, house: House) -> None:
    house.route("m", cache_seconds=60)
    talk.llm.script("m", "ok?text=first", "ok?text=second")
    first = house.post(talk.path("messages"), {"content": "Hi"}).json()

    again = house.post(talk.path("messages", first["id"], "regenerate"), {}).json()

    assert (first["content"], again["content"]) == ("first", "second")


def test_an_answer_that_came_to_nothing_does_not_go_up(talk: Talk) -> None:
    talk.house.route("m", retries=0)
    talk.llm.script("m", "status?code=500", "ok")
    failed = talk.answer("One")

    second = talk.answer("Two")

    assert failed.status == MessageStatus.FAILED
    assert [one["content"] for one in sent(talk)] == ["One", "Two"]
    assert (second.context["messages"], second.context["left_out"]) == (2, 0)


def test_parameters_that_no_model_takes_fail_the_answer(talk: Talk) -> None:
    talk.house.route("ok")
    set_terms(talk, parameters={"temperature": "hot"})

    message = talk.answer()

    assert (message.status, message.error_code) == (MessageStatus.FAILED, "validation_error")
    assert talk.llm.calls == []
