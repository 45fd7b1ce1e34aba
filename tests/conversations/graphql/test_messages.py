"""Messages through GraphQL: pages of a branch, the whole tree, the choice between branches, feedback."""

from __future__ import annotations

from typing import Any

import pytest

from apps.conversations.enums import MessageStatus, Visibility
from apps.core.ids import new_id
from tests.conversations.graphql.conftest import Person
from tests.factories.conversations import (
    make_branch,
    make_conversation,
    make_generation,
    make_message,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PAGE = "query ($id: ID!, $first: Int, $after: String, $before: ID, $tree: Boolean) { conversation(id: $id) { messages(first: $first, after: $after, before: $before, tree: $tree) { totalCount before nodes { content } pageInfo { hasNextPage endCursor } } } }"
ONE = "query ($id: ID!) { message(id: $id) { id role content parentId status usage { total } model reasoning toolCalls attachments { id name size contentType } error { code message } siblings { count position ids } feedback { value } } }"
SELECT = "mutation ($c: ID!, $id: ID!) { selectMessage(conversationId: $c, id: $id) { conversation { headId messages { nodes { content } } } } }"
FEEDBACK = "mutation ($c: ID!, $id: ID!, $value: String, $comment: String) { giveFeedback(conversationId: $c, id: $id, value: $value, comment: $comment) { message { id feedback { value comment } } } }"


def texts(page: Any) -> list[str]:
    return [row["content"] for row in page["messages"]["nodes"]]


def test_a_branch_in_pages_oldest_first(ada: Person) -> None:
    conversation = make_conversation(ada.actor)
    make_branch(conversation, 5, "m")
    where = {"id": conversation.public_id, "first": 2}

    first = ada.done(PAGE, **where)
    second = ada.done(PAGE, **where, after=first["messages"]["pageInfo"]["endCursor"])
    last = ada.done(PAGE, **where, after=second["messages"]["pageInfo"]["endCursor"])

    assert [texts(page) for page in (first, second, last)] == [
        ["m 0", "m 1"],
        ["m 2", "m 3"],
        ["m 4"],
    ]
    assert first["messages"]["totalCount"] == 5
    assert last["messages"]["pageInfo"] == {"hasNextPage": False, "endCursor": None}


def test_a_branch_from_its_end(ada: Person) -> None:
    conversation = make_conversation(ada.actor)
    made = make_branch(conversation, 5, "m")
    where = {"id": conversation.public_id, "first": 2}

    last = ada.done(PAGE, **where, before="end")
    earlier = ada.done(PAGE, **where, before=last["messages"]["before"])
    first = ada.done(PAGE, **where, before=earlier["messages"]["before"])

    assert [texts(page) for page in (last, earlier, first)] == [
        ["m 3", "m 4"],
        ["m 1", "m 2"],
        ["m 0"],
    ]
    assert last["messages"]["before"] == made[3].public_id
    assert first["messages"]["before"] is None


def test_the_whole_tree_and_the_branch_of_it(ada: Person) -> None:
    conversation = make_conversation(ada.actor)
    asked = make_message(conversation, content="question")
    make_message(conversation, asked, "one")
    make_message(conversation, asked, "two")

    assert texts(ada.done(PAGE, id=conversation.public_id)) == ["question", "two"]
    assert texts(ada.done(PAGE, id=conversation.public_id, tree=True)) == ["question", "one", "two"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"first": 0}, "INVALID"),
        ({"after": "?"}, "INVALID"),
        ({"before": "end", "tree": True}, "INVALID"),
        ({"before": "end", "after": "cm93czoyMA"}, "INVALID"),
        ({"before": "msg_nothing"}, "NOT_FOUND"),
    ],
)
def test_pages_that_are_none(ada: Person, given: dict[str, Any], expected: str) -> None:
    conversation = make_conversation(ada.actor)
    make_branch(conversation, 3)

    assert ada.refused(PAGE, id=conversation.public_id, **given)[0] == expected


def test_one_message_in_full(ada: Person, stranger: Person, ben: Person) -> None:
    conversation = make_conversation(ada.actor)
    file = {"id": "file_1", "name": "a.csv", "size": 4, "content_type": "text/csv"}
    asked = make_message(conversation, files=[file])
    answer = make_message(
        conversation,
        asked,
        "so",
        model="chat",
        reasoning="hm",
        prompt_tokens=3,
        completion_tokens=2,
    )
    other = make_message(
        conversation,
        asked,
        "",
        status=MessageStatus.FAILED,
        error_code="upstream_error",
        error_message="It broke.",
    )

    assert ada.done(ONE, id=answer.public_id) == {
        "id": answer.public_id,
        "role": "assistant",
        "content": "so",
        "parentId": asked.public_id,
        "status": "complete",
        "usage": {"total": 5},
        "model": "chat",
        "reasoning": "hm",
        "toolCalls": [],
        "attachments": [],
        "error": None,
        "siblings": {"count": 2, "position": 1, "ids": [answer.public_id, other.public_id]},
        "feedback": None,
    }
    assert ada.done(ONE, id=asked.public_id)["attachments"] == [
        {"id": "file_1", "name": "a.csv", "size": 4, "contentType": "text/csv"}
    ]
    assert ada.done(ONE, id=other.public_id)["error"] == {
        "code": "upstream_error",
        "message": "It broke.",
    }
    assert {who.refused(ONE, id=answer.public_id)[0] for who in (ben, stranger)} == {"NOT_FOUND"}


def test_an_answer_whose_process_died_is_interrupted(ada: Person) -> None:
    conversation = make_conversation(ada.actor)
    answer = make_message(conversation, make_message(conversation), "half")
    make_generation(answer, seconds=-1)

    assert ada.done(ONE, id=answer.public_id)["status"] == "interrupted"


def test_selecting_a_branch(ada: Person, ben: Person, stranger: Person) -> None:
    conversation = make_conversation(ada.actor, visibility=Visibility.ORGANIZATION)
    asked = make_message(conversation, content="question")
    one = make_message(conversation, asked, "one")
    make_message(conversation, asked, "two")
    where = {"c": conversation.public_id, "id": one.public_id}

    chosen = ada.done(SELECT, **where)["conversation"]

    assert (chosen["headId"], texts(chosen)) == (one.public_id, ["question", "one"])
    assert ben.refused(SELECT, **where) == ("DENIED", "not_the_owner")
    assert stranger.refused(SELECT, **where)[0] == "NOT_FOUND"
    assert ada.refused(SELECT, c=conversation.public_id, id=new_id("msg"))[0] == "NOT_FOUND"


def test_feedback_is_one_s_own_and_may_be_taken_back(
    ada: Person, ben: Person, viewer: Person, stranger: Person
) -> None:
    conversation = make_conversation(ada.actor, visibility=Visibility.ORGANIZATION)
    asked = make_message(conversation)
    answer = make_message(conversation, asked, "so")
    where = {"c": conversation.public_id, "id": answer.public_id}

    given = ada.done(FEEDBACK, **where, value="up", comment="To the point.")["message"]
    others = ben.done(FEEDBACK, **where, value="down")["message"]
    taken = ben.done(FEEDBACK, **where, value=None)["message"]

    assert given["feedback"] == {"value": "up", "comment": "To the point."}
    assert (others["feedback"], taken["feedback"]) == ({"value": "down", "comment": ""}, None)
    assert ada.done(ONE, id=answer.public_id)["feedback"] == {"value": "up"}
    assert ada.refused(FEEDBACK, **where, value="sideways")[0] == "INVALID"
    assert ada.refused(FEEDBACK, c=where["c"], id=asked.public_id, value="up")[0] == "INVALID"
    assert viewer.refused(FEEDBACK, **where, value="up")[0] == "DENIED"
    assert stranger.refused(FEEDBACK, **where, value="up")[0] == "NOT_FOUND"
