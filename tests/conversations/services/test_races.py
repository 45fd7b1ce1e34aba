"""What callers at once may not bring about: real threads, real transactions."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from django.db import connection

from apps.conversations.domain.answers import Checkpoint, Ending
from apps.conversations.enums import MessageStatus
from apps.conversations.errors import BranchBusy
from apps.conversations.models import Conversation, Feedback, Generation, Message
from apps.conversations.services import conversations, feedback, generations, messages
from apps.conversations.services.messages import Begun
from apps.core.errors import AppError, NotFound, Stale
from apps.core.tenancy import organization_scope
from tests.factories.conversations import make_conversation, make_generation, make_message
from tests.factories.providers import make_route
from tests.factories.tenants import actor_of, make_member

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]


class Scene:
    """A conversation with one answer, and its owner's deeds in threads of their own."""

    def __init__(self) -> None:
        member = make_member()
        make_route(member.organization, name="chat")
        self.place, self.actor = member.organization, actor_of(member)
        self.row = make_conversation(self.actor, title="")
        self.asked = make_message(self.row)
        self.told = make_message(self.row, self.asked)

    def does(self, deed: Callable[..., Any], **more: Any) -> Callable[[], Any]:
        def call() -> Any:
            with organization_scope(self.place.pk):
                return deed(actor=self.actor, conversation_id=self.row.public_id, **more)

        return call

    def at_once(self, *calls: Callable[[], Any]) -> list[Any]:
        """What each call answered or refused, all of them started together."""
        barrier = Barrier(len(calls))
        results: list[Any] = [None] * len(calls)

        def run(index: int, call: Callable[[], Any]) -> None:
            barrier.wait()
            try:
                results[index] = call()
            except AppError as error:
                results[index] = error
            finally:
                connection.close()

        threads = [Thread(target=run, args=pair) for pair in enumerate(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


@pytest.fixture
def scene() -> Scene:
    return Scene()


def kinds(results: list[Any]) -> list[str]:
    return sorted(type(each).__name__ for each in results)


@pytest.mark.parametrize("deed", ["write", "regenerate", "edit"])
def test_of_deeds_at_once_one_begins_an_answer(scene, deed):
    call = {
        "write": scene.does(messages.write_message, content="Hello"),
        "regenerate": scene.does(messages.regenerate_message, message_id=scene.told.public_id),
        "edit": scene.does(
            messages.edit_message, message_id=scene.asked.public_id, content="Rather"
        ),
    }[deed]

    results = scene.at_once(*[call] * 4)

    assert kinds(results) == sorted([Begun.__name__] + [BranchBusy.__name__] * 3)
    with organization_scope(scene.place.pk):
        row = Conversation.objects.get()
        assert row.message_count == Message.objects.count()
        assert (Generation.objects.get().message_id, Generation.objects.count()) == (row.head_id, 1)


def test_of_changes_at_once_one_is_of_the_revision(scene):
    calls = [
        scene.does(conversations.update_conversation, expected_revision=1, title=f"title {number}")
        for number in range(4)
    ]

    results = scene.at_once(*calls)

    assert kinds(results) == sorted([Conversation.__name__] + [Stale.__name__] * 3)


def test_a_removal_leaves_nothing_behind(scene):
    results = scene.at_once(
        scene.does(conversations.remove_conversation),
        *[scene.does(messages.write_message, content="Hello")] * 3,
    )

    assert results[0] is None
    assert set(kinds(results[1:])) <= {Begun.__name__, BranchBusy.__name__, NotFound.__name__}
    with organization_scope(scene.place.pk):
        left = [each.objects.count() for each in (Conversation, Message, Generation)]
    assert left == [0, 0, 0]


def test_feedback_at_once_is_said_once(scene):
    calls = [
        scene.does(feedback.give_feedback, message_id=scene.told.public_id, value=value)
        for value in ("up", "down", "up", "down")
    ]

    results = scene.at_once(*calls)

    assert kinds(results) == [Feedback.__name__] * 4
    with organization_scope(scene.place.pk):
        assert Feedback.objects.count() == 1


@pytest.mark.parametrize("deed", ["write", "remove"])
def test_who_writes_and_who_ends_an_answer_never_wait_for_each_other(scene, deed, monkeypatch):
    """The engine holds the answer and wants its conversation, the owner holds that and wants the answer."""
    with organization_scope(scene.place.pk):
        make_generation(scene.told, process="ours")
    has_answer, has_conversation = Event(), Event()
    write_rest, lock_own = generations._write_rest, conversations.lock_own

    def write_rest_late(*args: Any) -> None:
        has_answer.set()
        has_conversation.wait(0.5)  # in vain where a database has one writer at a time
        write_rest(*args)

    def lock_own_after(**asked: Any) -> Conversation:
        has_answer.wait(1)  # in vain there, where this deed came first
        locked = lock_own(**asked)
        has_conversation.set()
        return locked

    monkeypatch.setattr(generations, "_write_rest", write_rest_late)
    monkeypatch.setattr(conversations, "lock_own", lock_own_after)
    end = Checkpoint(scene.told.pk, content="Whole.", ending=Ending(MessageStatus.COMPLETE))
    call = {
        "write": scene.does(messages.write_message, content="Hello"),
        "remove": scene.does(conversations.remove_conversation),
    }[deed]

    heard, done = scene.at_once(
        lambda: generations.write_down(process="ours", checkpoints=[end]), call
    )

    assert isinstance(heard, generations.Heard)
    assert type(done) in {"write": (Begun, BranchBusy), "remove": (type(None),)}[deed]
    with organization_scope(scene.place.pk):
        told = Message.objects.filter(pk=scene.told.pk).values_list("status", flat=True)
        assert list(told) == ([] if deed == "remove" else ["complete"])
