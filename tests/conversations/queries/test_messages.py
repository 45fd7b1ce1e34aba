from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from apps.conversations.enums import MessageStatus
from apps.conversations.models import Message
from apps.conversations.queries import exports
from apps.conversations.queries import messages as queries
from apps.conversations.queries.shown import Siblings
from apps.conversations.services.conversations import remove_conversation
from apps.conversations.services.feedback import give_feedback
from apps.core.errors import NotFound
from apps.core.tenancy import organization_scope
from tests.factories.conversations import (
    make_branch,
    make_conversation,
    make_generation,
    make_message,
)

pytestmark = pytest.mark.django_db


class Thread:
    """A conversation and the reading of it."""

    def __init__(self, actor: Any, **values: Any) -> None:
        self.actor, self.row = actor, make_conversation(actor, **values)

    def page(self, **asked: Any) -> Any:
        return queries.branch_page(actor=self.actor, conversation_id=self.row.public_id, **asked)

    def tree(self, **asked: Any) -> Any:
        return queries.tree_page(actor=self.actor, conversation_id=self.row.public_id, **asked)

    def one(self, message: Message) -> Any:
        return queries.open_message(
            actor=self.actor,
            conversation_id=self.row.public_id,
            message_id=message.public_id,
        )


@pytest.fixture
def thread(ada):
    return Thread(ada)


def pks(page):
    return [view.message.pk for view in page.rows]


def test_an_empty_conversation_has_an_empty_page(thread):
    assert thread.page().rows == thread.tree().rows == thread.page(before="end").rows == []
    assert thread.page().meta == {"page": 1, "limit": 20, "total": 0, "total_pages": 0}
    assert thread.page(before="end").meta == {"limit": 20, "total": 0, "before": None}


def test_branch_is_paged_oldest_first(thread):
    rows = [row.pk for row in make_branch(thread.row, 5)]

    first, second, third = (thread.page(page=number, limit=2) for number in (1, 2, 3))

    assert (pks(first), pks(second), pks(third)) == (rows[:2], rows[2:4], rows[4:])
    assert second.meta == {"page": 2, "limit": 2, "total": 5, "total_pages": 3}
    assert pks(thread.page(page=4, limit=2)) == []


def test_branch_is_read_backwards_from_its_end(thread):
    rows = make_branch(thread.row, 5)
    numbers = [row.pk for row in rows]

    last = thread.page(before="end", limit=2)
    middle = thread.page(before=last.meta["before"], limit=2)
    first = thread.page(before=middle.meta["before"], limit=2)

    assert (pks(last), pks(middle), pks(first)) == (numbers[3:], numbers[1:3], numbers[:1])
    assert last.meta == {"limit": 2, "total": 5, "before": rows[3].public_id}
    assert first.meta == {"limit": 2, "total": 5, "before": None}
    assert pks(thread.page(before=rows[0].public_id)) == []


def test_before_names_a_message_of_the_branch(thread, ada):
    asked = make_message(thread.row)
    left = make_message(thread.row, asked)
    make_message(thread.row, asked)
    other = make_message(make_conversation(ada))

    for strange in ("nope", "msg_" + "0" * 32, left.public_id, other.public_id):
        with pytest.raises(NotFound):
            thread.page(before=strange)


def test_siblings_are_counted_on_every_level(thread):
    one = make_message(thread.row)
    first = make_message(thread.row, one)
    second = make_message(thread.row, one)
    follow = make_message(thread.row, second)
    other = make_message(thread.row)
    make_message(make_conversation(thread.actor))
    thread.row.head = follow
    thread.row.save()

    page = thread.page()

    assert [(view.message, view.parent, view.siblings) for view in page.rows] == [
        (one, None, Siblings(2, 1, (one.public_id, other.public_id))),
        (second, one.public_id, Siblings(2, 2, (first.public_id, second.public_id))),
        (follow, second.public_id, Siblings(1, 1, (follow.public_id,))),
    ]
    assert pks(thread.tree()) == [one.pk, first.pk, second.pk, follow.pk, other.pk]
    assert thread.one(follow) == page.rows[2]


@pytest.mark.parametrize("length", [3, 30])
def test_a_page_costs_the_same_however_long(thread, ben, length, django_assert_num_queries):
    rows = make_branch(thread.row, length)
    for row in rows[1::2]:
        make_message(thread.row, row.parent)  # a sibling each
    thread.row.head = rows[-1]
    thread.row.save()

    for asked in ({}, {"before": "end"}, {"page": 2, "limit": 1}):
        with django_assert_num_queries(6):
            thread.page(**asked)
    with django_assert_num_queries(7):
        thread.page(before=rows[-1].public_id)
    with django_assert_num_queries(6):
        thread.tree()


def test_texts_are_read_for_the_page_alone(thread, django_assert_num_queries):
    make_branch(thread.row, 30)

    with django_assert_num_queries(6) as captured:
        thread.page(limit=2)

    whole = [
        query["sql"] for query in captured if '"conversations_message"."content"' in query["sql"]
    ]
    assert len(whole) == 1
    assert "IN (" in whole[0]


@pytest.mark.parametrize(("seconds", "status"), [(5, "generating"), (-1, "interrupted")])
def test_an_answer_of_a_dead_process_is_interrupted(thread, seconds, status):
    answer = make_message(thread.row, make_message(thread.row))
    make_generation(answer, seconds=seconds)

    assert [view.status for view in thread.page().rows] == ["complete", status]


def test_an_answer_that_nobody_writes_is_interrupted(thread):
    make_message(thread.row, status=MessageStatus.GENERATING)

    assert [view.status for view in thread.page().rows] == ["interrupted"]


def test_feedback_is_the_readers_own(ada, ben):
    thread = Thread(ada, visibility="organization")
    answer = make_message(thread.row, make_message(thread.row))
    place = {"conversation_id": thread.row.public_id, "message_id": answer.public_id}
    give_feedback(actor=ada, **place, value="up", comment="Good.")

    mine = [(view.verdict, view.comment) for view in thread.page().rows]
    thread.actor = ben
    his = [(view.verdict, view.comment) for view in thread.page().rows]

    assert mine == [(None, ""), ("up", "Good.")]
    assert his == [(None, ""), (None, "")]


def test_whose_it_is_decides_who_reads(ada, ben, chief, reader, stranger):
    private, shown = Thread(ada), Thread(ada, visibility="organization")
    for thread in (private, shown):
        make_message(thread.row)
    said = {thread: Message.objects.get(conversation=thread.row) for thread in (private, shown)}

    def readings(thread: Thread, actor: Any) -> list[Any]:
        place = {"actor": actor, "conversation_id": thread.row.public_id}
        named = {"message_id": said[thread].public_id}
        return [
            lambda: len(queries.branch_page(**place).rows),
            lambda: len(queries.tree_page(**place).rows),
            lambda: int(queries.message_of(**place, **named) == said[thread]),
            lambda: int(queries.open_message(**place, **named).message == said[thread]),
            lambda: int(queries.find_message(actor=actor, **named) == said[thread]),
        ]

    for actor in (ada, ben, chief, reader):
        assert [read() for read in readings(shown, actor)] == [1] * 5
    assert [read() for read in readings(private, ada)] == [1] * 5
    for thread, actor in ((private, ben), (private, chief), (private, reader)):
        for read in readings(thread, actor):
            with pytest.raises(NotFound):
                read()
    with organization_scope(stranger.organization_id):
        for read in [*readings(private, stranger), *readings(shown, stranger)]:
            with pytest.raises(NotFound):
                read()


def test_running_are_answers_of_living_processes(thread, ada):
    asked = make_message(thread.row)
    alive = make_generation(make_message(thread.row, asked))
    make_generation(make_message(thread.row, asked), seconds=-1)
    other = make_conversation(ada)
    make_generation(make_message(other, make_message(other)))

    (found,) = queries.running(thread.row)

    assert (found, found.message.conversation_id) == (alive, thread.row.pk)


def test_branch_of_is_whole(thread):
    rows = make_branch(thread.row, 4)
    make_message(thread.row, rows[1])

    assert queries.branch_of(thread.row, rows[3].pk) == rows
    assert queries.branch_of(thread.row, rows[1].pk) == rows[:2]
    assert queries.branch_of(thread.row, None) == []


@pytest.mark.parametrize("is_before", [True, False])
def test_what_is_removed_while_it_is_read_is_not_there(thread, ada, monkeypatch, is_before):
    rows = make_branch(thread.row, 4)
    one, last, name = rows[0], rows[-1].pk, thread.row.public_id
    tree_of = queries.tree_of

    def removing(conversation):
        if is_before:
            remove_conversation(actor=ada, conversation_id=name)
            return tree_of(conversation)
        tree = tree_of(conversation)
        remove_conversation(actor=ada, conversation_id=name)
        return tree

    for read in (
        lambda: queries.branch_of(thread.row, last),
        lambda: queries.branch_page(actor=ada, conversation_id=name).rows,
        lambda: exports.active_branch(actor=ada, conversation_id=name)[1],
    ):
        with transaction.atomic(), monkeypatch.context() as patched:
            patched.setattr(queries, "tree_of", removing)
            patched.setattr(exports, "tree_of", removing)
            assert list(read()) == []
            transaction.set_rollback(True)
    with monkeypatch.context() as patched:
        patched.setattr(queries, "tree_of", removing)
        with pytest.raises(NotFound):
            queries.open_message(actor=ada, conversation_id=name, message_id=one.public_id)
