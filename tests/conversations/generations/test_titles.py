"""Titles by models: asked for by REST, sanitised, booked, and never in place of a person's own."""

from __future__ import annotations

from typing import Any

import pytest

from apps.conversations.models import Conversation
from apps.core.actor import Actor
from tests.client import Answer
from tests.conversations.generations.talk import Talk
from tests.doors.place import make_place
from tests.factories.branches import add_branch
from tests.factories.tenants import actor_of, make_member

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def ask(talk: Talk, body: Any = None, **more: Any) -> Answer:
    return talk.house.post(talk.path("title"), body, **more)


def row(talk: Talk) -> Conversation:
    return Conversation.objects.get(pk=talk.conversation.pk)


@pytest.fixture
def said(talk: Talk) -> Talk:
    add_branch(talk.conversation, "What is a distant signal?", "It announces.")
    Conversation.objects.update(title="What is a distant signal?")
    return talk


def test_the_conversations_own_model_finds_a_title(said: Talk) -> None:
    said.house.route("m")
    said.llm.script("m", 'ok?text="Distant Signals explained."\nor so')

    answer = ask(said)

    body = answer.json()
    assert (answer.status, body["id"], body["title"]) == (
        200,
        said.conversation.public_id,
        "Distant Signals explained",
    )
    assert (row(said).title, row(said).is_title_given, row(said).revision) == (
        "Distant Signals explained",
        False,
        2,
    )
    (call,) = said.house.calls
    assert [message["role"] for message in call.body["messages"]] == ["system", "user"]
    assert call.body["messages"][1]["content"] == (
        "User: What is a distant signal?\n\nAssistant: It announces."
    )
    assert len(said.house.records) == 1  # booked


def test_a_title_given_by_hand_stays_and_nobody_is_asked(said: Talk) -> None:
    said.house.route("ok?text=Another")
    Conversation.objects.update(title="Mine", is_title_given=True)

    answers = [ask(said).json()["title"], ask(said, {"force": False}).json()["title"]]

    assert (answers, said.house.calls) == (["Mine", "Mine"], [])


def test_a_title_given_by_hand_goes_when_another_is_asked_for(said: Talk) -> None:
    said.house.route("ok?text=Another")
    Conversation.objects.update(title="Mine", is_title_given=True)

    assert ask(said, {"force": True}).json()["title"] == "Another"
    assert not row(said).is_title_given


def test_a_model_without_a_title_leaves_the_first_line(said: Talk) -> None:
    said.house.route("ok?text=...")
    Conversation.objects.update(title="")

    assert ask(said).json()["title"] == "What is a distant signal?"


def test_a_model_that_fails_leaves_the_title(said: Talk) -> None:
    said.house.route("status?code=500", retries=0)

    answer = ask(said)

    assert (answer.status, answer.error) == (502, "upstream_error")
    assert row(said).title == "What is a distant signal?"


def test_nothing_said_is_a_conflict(talk: Talk) -> None:
    answer = ask(talk)

    assert (answer.status, answer.error) == (409, "nothing_said")


def test_a_repeated_key_asks_once(said: Talk) -> None:
    said.house.route("ok?text=Signals")
    headers = {"Idempotency-Key": "once"}

    first, second = ask(said, {}, headers=headers), ask(said, {}, headers=headers)

    assert (first.json(), second.headers["idempotency-replayed"]) == (second.json(), "true")
    assert len(said.house.calls) == 1


def test_only_the_owner_has_a_title_made(said: Talk) -> None:
    colleague = actor_of(make_member(said.house.organization))
    said.house.place.tokens.identities["colleague"] = colleague.identity
    other = make_place(said.house.place.tokens)

    def by(key: str) -> int:
        return said.house.client.post(said.path("title"), {}, key=key).status

    hidden = by("colleague"), by(other.key)
    Conversation.objects.update(visibility="organization")

    assert (hidden, by("colleague")) == ((404, 404), 403)
    assert isinstance(colleague, Actor)


@pytest.mark.parametrize("body", [{"force": "yes"}, {"more": 1}, [], None])
def test_a_wrong_body_is_refused(said: Talk, body: Any) -> None:
    raw = b"null" if body is None else None

    answer = ask(said, body, raw=raw) if raw else ask(said, body)

    assert answer.status == 422
