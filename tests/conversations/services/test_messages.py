from __future__ import annotations

import pytest
from django.utils import timezone

from apps.conversations.domain.answers import INTERRUPTED
from apps.conversations.enums import MessageRole, MessageStatus
from apps.conversations.errors import BranchBusy, NotContinuable
from apps.conversations.models import Conversation, Generation, Message
from apps.conversations.services import leases, messages
from apps.conversations.services.messages import Begun
from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound, PermissionDenied
from apps.core.tenancy import organization_scope
from tests.factories.branches import make_conversation_of
from tests.factories.conversations import make_conversation, make_generation, make_message

pytestmark = pytest.mark.django_db

ENDED = ("complete", "stopped", "failed", "interrupted")


def finish(begun: Begun, text: str = "An answer.", status: str = MessageStatus.COMPLETE) -> Message:
    """As the engine writes it down."""
    Message.objects.filter(pk=begun.message.pk).update(content=text, status=status)
    begun.generation.delete()
    begun.message.refresh_from_db()
    return begun.message


def texts_of(conversation: Conversation) -> list[str]:
    """Of the active branch."""
    conversation.refresh_from_db()
    found, at = [], conversation.head
    while at is not None:
        found.append(at.content)
        at = at.parent
    return found[::-1]


class Talk:
    """A conversation and what its owner does in it."""

    def __init__(self, actor: Actor, **values: object) -> None:
        self.actor, self.row = actor, make_conversation(actor, **values)

    @property
    def place(self) -> dict[str, object]:
        return {"actor": self.actor, "conversation_id": self.row.public_id}

    def write(self, content: str = "Hello", **more: object) -> Begun:
        return messages.write_message(**self.place, content=content, **more)

    def said(self, content: str = "Hello", answer: str = "An answer.", **more: object) -> Begun:
        begun = self.write(content, **more)
        finish(begun, answer)
        return begun

    def edit(self, message: Message, content: str = "Rather", **more: object) -> Begun:
        return messages.edit_message(
            **self.place, message_id=message.public_id, content=content, **more
        )

    def again(self, message: Message, **more: object) -> Begun:
        return messages.regenerate_message(**self.place, message_id=message.public_id, **more)

    def go_on(self, message: Message) -> Begun:
        return messages.continue_message(**self.place, message_id=message.public_id)

    def select(self, message: Message) -> Conversation:
        return messages.select_message(**self.place, message_id=message.public_id)


@pytest.fixture
def talk(ada: Actor) -> Talk:
    return Talk(ada, title="")


# ---------------------------------------------------------------- write


def test_write_begins_an_answer(talk):
    begun = talk.write("What is a\nsignal box?", process="here")

    asked, answer = Message.objects.order_by("pk")
    talk.row.refresh_from_db()
    assert (begun.asked.pk, begun.message.pk, begun.offset) == (asked.pk, answer.pk, 0)
    assert (asked.role, asked.status, asked.content, asked.parent) == (
        "user",
        "complete",
        "What is a\nsignal box?",
        None,
    )
    assert (answer.role, answer.status, answer.content, answer.parent, answer.model) == (
        "assistant",
        "generating",
        "",
        asked,
        "chat",
    )
    assert (talk.row.head, talk.row.message_count, talk.row.title) == (answer, 2, "What is a")
    assert talk.row.revision == 1  # who changes its settings meanwhile is not behind
    generation = Generation.objects.get()
    assert (generation.message, generation.process) == (answer, "here")
    assert timezone.now() < generation.lease_until <= timezone.now() + leases.LEASE


def test_write_names_this_process(talk):
    talk.write()

    assert Generation.objects.get().process == leases.this_process()


def test_write_goes_on_at_the_end_of_the_active_branch(talk):
    first = talk.said("one", "1")
    second = talk.said("two", "2")

    assert second.asked.parent == first.message
    assert texts_of(talk.row) == ["one", "1", "two", "2"]
    assert (talk.row.title, talk.row.message_count) == ("one", 4)


def test_write_under_another_message_branches_off(talk):
    first = talk.said("one", "1")
    talk.said("two", "2")

    talk.said("three", "3", parent_id=first.message.public_id)

    assert texts_of(talk.row) == ["one", "1", "three", "3"]
    assert talk.row.message_count == 6


def test_write_keeps_a_given_title(ada):
    talk = Talk(ada, title="Given", is_title_given=True)

    talk.write("Hello")

    assert Conversation.objects.get().title == "Given"


def test_write_by_another_model(talk):
    begun = talk.said(model="spare")

    talk.row.refresh_from_db()
    assert (begun.message.model, talk.row.model) == ("spare", "chat")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"content": ""}, "content"),
        ({"content": "  \n"}, "content"),
        ({"content": None}, "content"),
        ({"content": "a" * 1_000_000}, "content"),
        ({"content": "a\x00b"}, "content"),
        ({"content": "\ud83d"}, "content"),
        ({"model": "nobody"}, "model"),
        ({"attachments": ["file_" + "0" * 32]}, "attachments"),
    ],
)
def test_write_refuses(talk, changes, field):
    with pytest.raises(Invalid) as error:
        messages.write_message(**talk.place, **{"content": "Hello", **changes})

    talk.row.refresh_from_db()
    assert [each.field for each in error.value.fields] == [field]
    assert (Message.objects.count(), Generation.objects.count(), talk.row.message_count) == (
        0,
        0,
        0,
    )


def test_write_under_what_is_not_there(talk, ada):
    elsewhere = make_message(make_conversation(ada))

    for parent in ("nope", "msg_" + "0" * 32, elsewhere.public_id):
        with pytest.raises(NotFound) as error:
            talk.write(parent_id=parent)
        assert error.value.data == {"field": "parent_id"}


def test_a_model_closed_since_is_named(ada):
    talk = Talk(ada, model="gone")

    with pytest.raises(Invalid) as error:
        talk.write()

    assert [each.field for each in error.value.fields] == ["model"]


@pytest.mark.parametrize("status", ENDED)
def test_write_after_an_answer_that_ended(talk, status):
    finish(talk.write("one"), "1", status)

    talk.write("two")

    assert texts_of(talk.row) == ["one", "1", "two", ""]


# ---------------------------------------------------------------- one at a time


def test_a_busy_branch_takes_nothing(talk):
    done = talk.said("one")
    busy = talk.write("two")

    for deed in (
        lambda: talk.write("three"),
        lambda: talk.write("three", parent_id=done.message.public_id),
        lambda: talk.again(busy.message),
        lambda: talk.again(busy.asked),
        lambda: talk.again(done.message),
        lambda: talk.edit(busy.asked),
        lambda: talk.edit(done.asked),
        lambda: talk.go_on(busy.message),
    ):
        with pytest.raises(BranchBusy):
            deed()
    assert (Message.objects.count(), Generation.objects.count()) == (4, 1)


def test_another_branch_is_free(talk):
    old = talk.said("one")
    talk.said("two")
    talk.edit(old.asked, "other")  # under way, on a branch of its own

    talk.select(old.message)
    more = talk.write("three")

    assert texts_of(talk.row) == ["one", "An answer.", "two", "An answer.", "three", ""]
    assert Generation.objects.count() == 2
    assert more.message == talk.row.head


def test_a_second_answer_waits_though_another_branch_was_selected(talk):
    asked = talk.said("one").asked
    one = talk.again(asked)
    talk.select(Message.objects.exclude(pk=one.message.pk).get(parent=asked))

    with pytest.raises(BranchBusy):
        talk.again(asked)


def test_an_answer_of_a_dead_process_is_in_nobodys_way(talk):
    dead = talk.write("one")
    Message.objects.filter(pk=dead.message.pk).update(content="so far")
    Generation.objects.update(lease_until=timezone.now())

    talk.write("two")

    dead.message.refresh_from_db()
    assert (dead.message.status, dead.message.content) == ("interrupted", "so far")
    assert (dead.message.error_code, dead.message.finished_at is None) == (INTERRUPTED, False)
    assert Generation.objects.get().message.parent.content == "two"


# ---------------------------------------------------------------- edit


def test_edit_stands_beside_the_old(talk):
    old = talk.said("one", "1")
    talk.said("two", "2")

    begun = talk.edit(old.asked, "rather")

    finish(begun, "R")
    assert texts_of(talk.row) == ["rather", "R"]
    assert (begun.asked.parent, talk.row.message_count) == (None, 6)
    old.asked.refresh_from_db()
    assert old.asked.content == "one"


def test_edit_of_an_answer_is_refused(talk):
    answer = talk.said().message

    with pytest.raises(Invalid) as error:
        talk.edit(answer)

    assert [(each.field, each.type) for each in error.value.fields] == [("id", "role")]
    assert Message.objects.count() == 2


def test_edit_keeps_what_was_attached(talk):
    file = {"id": "file_1", "name": "a.csv", "size": 3, "content_type": "text/csv"}
    old = talk.said()
    Message.objects.filter(pk=old.asked.pk).update(files=[file])

    assert talk.edit(old.asked, "").asked.files == [file]


def test_edit_may_leave_attachments_away(talk):
    old = talk.said()
    Message.objects.filter(pk=old.asked.pk).update(files=[{"id": "file_1"}])

    assert talk.edit(old.asked, "Without", attachments=[]).asked.files == []


# ---------------------------------------------------------------- regenerate


def test_regenerate_stands_beside_the_answer(talk):
    first = talk.said("one", "1")

    begun = talk.again(first.message, model="spare")

    finish(begun, "1b")
    assert (begun.asked.pk, begun.message.model) == (first.asked.pk, "spare")
    assert texts_of(talk.row) == ["one", "1b"]
    assert talk.row.message_count == 3


def test_regenerate_of_what_was_asked_answers_it(talk, ada):
    imported = make_conversation_of(ada, "one", model="chat")
    asked = Message.objects.get()

    begun = messages.regenerate_message(
        actor=ada, conversation_id=imported.public_id, message_id=asked.public_id
    )

    assert (begun.asked.pk, begun.message.parent_id) == (asked.pk, asked.pk)


def test_regenerate_of_an_answer_to_nothing_is_refused(talk):
    greeting = make_message(talk.row, role=MessageRole.ASSISTANT)

    with pytest.raises(Invalid):
        talk.again(greeting)


# ---------------------------------------------------------------- continue


@pytest.mark.parametrize("status", ["stopped", "failed", "interrupted"])
def test_continue_goes_on_in_the_same_message(talk, status):
    broken = finish(talk.write("one"), "so far", status)
    Message.objects.filter(pk=broken.pk).update(
        error_code="x", error_message="y", finish_reason="z", finished_at=timezone.now()
    )

    begun = talk.go_on(broken)

    broken.refresh_from_db()
    talk.row.refresh_from_db()
    assert (begun.message.pk, begun.offset, begun.asked.content) == (broken.pk, 6, "one")
    assert (broken.status, broken.content, broken.finished_at) == ("generating", "so far", None)
    assert (broken.error_code, broken.error_message, broken.finish_reason) == ("", "", "")
    assert (Generation.objects.get().message, talk.row.message_count) == (broken, 2)


def test_continue_of_what_a_dead_process_left(talk):
    dead = talk.write("one").message
    Message.objects.filter(pk=dead.pk).update(content="so far")
    Generation.objects.update(lease_until=timezone.now())

    begun = talk.go_on(dead)

    dead.refresh_from_db()
    assert (dead.status, dead.error_code, begun.offset) == ("generating", "", 6)
    assert Generation.objects.get().lease_until > timezone.now()


def test_continue_makes_its_branch_the_active_one(talk):
    broken = finish(talk.write("one"), "so far", MessageStatus.STOPPED)
    finish(talk.again(broken), "other")

    talk.go_on(broken)

    assert texts_of(talk.row) == ["one", "so far"]


def test_continue_waits_for_an_answer_beside_it(talk):
    broken = finish(talk.write("one"), "so far", MessageStatus.STOPPED)
    talk.again(broken)

    with pytest.raises(BranchBusy):
        talk.go_on(broken)


def test_continue_of_what_did_not_break_off(talk):
    whole = talk.said("one").message
    empty = finish(talk.write("two"), "", MessageStatus.FAILED)

    for message in (whole, empty, empty.parent):
        with pytest.raises(NotContinuable):
            talk.go_on(message)
    assert Generation.objects.count() == 0


def test_continue_of_what_was_gone_on_from(talk):
    broken = finish(talk.write("one"), "so far", MessageStatus.STOPPED)
    talk.said("two")

    with pytest.raises(NotContinuable):
        talk.go_on(broken)


# ---------------------------------------------------------------- select


def test_select_goes_to_the_newest_message_under_it(talk):
    first = talk.said("one", "1")
    talk.said("two", "2")
    finish(talk.edit(first.asked, "other"), "o")
    assert texts_of(talk.row) == ["other", "o"]

    talk.select(first.asked)

    assert texts_of(talk.row) == ["one", "1", "two", "2"]
    assert (talk.row.revision, talk.row.message_count) == (1, 6)


def test_select_while_an_answer_is_written(talk):
    first = talk.said("one", "1")
    talk.again(first.message)

    talk.select(first.message)

    assert texts_of(talk.row) == ["one", "1"]


# ---------------------------------------------------------------- whose


def test_only_the_owner_writes(ada, ben, chief, stranger):
    private, shown = Talk(ada), Talk(ada, visibility="organization")
    for talk in (private, shown):
        talk.said("one")

    def deeds(talk: Talk, actor: Actor) -> list[object]:
        with organization_scope(ada.organization_id):
            asked, answer = Message.objects.filter(conversation=talk.row).order_by("pk")
        as_them = Talk.__new__(Talk)
        as_them.actor, as_them.row = actor, talk.row
        return [
            lambda: as_them.write("two"),
            lambda: as_them.edit(asked),
            lambda: as_them.again(answer),
            lambda: as_them.go_on(answer),
            lambda: as_them.select(answer),
        ]

    for talk, actor, refusal in (
        (private, ben, NotFound),
        (private, chief, NotFound),
        (private, stranger, NotFound),
        (shown, ben, PermissionDenied),
        (shown, chief, PermissionDenied),
        (shown, stranger, NotFound),
    ):
        for deed in deeds(talk, actor):
            with organization_scope(actor.organization_id), pytest.raises(refusal):
                deed()
    assert Message.objects.count() == 4


def test_messages_of_other_conversations_are_not_there(talk, ada):
    talk.said()
    other = make_message(make_conversation(ada))

    for deed in (
        lambda: talk.edit(other),
        lambda: talk.again(other),
        lambda: talk.go_on(other),
        lambda: talk.select(other),
    ):
        with pytest.raises(NotFound):
            deed()


def test_let_go_writes_nothing_over_an_end(talk):
    message = make_message(talk.row, status=MessageStatus.GENERATING)
    generation = make_generation(message, seconds=-1)
    Message.objects.filter(pk=message.pk).update(status=MessageStatus.COMPLETE)

    leases.let_go(generation, timezone.now())

    message.refresh_from_db()
    assert (message.status, Generation.objects.count()) == ("complete", 0)
