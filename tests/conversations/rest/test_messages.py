from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.core.actor import Actor
from apps.core.tenancy import organization_scope
from tests.client import Answer, GateClient
from tests.factories.conversations import (
    make_branch,
    make_conversation,
    make_generation,
    make_message,
)
from tests.factories.doors import known_tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(ada, ben, chief, stranger) -> Iterator[object]:
    client = GateClient()
    with known_tokens() as tokens:
        for actor in (ada, ben, chief, stranger):
            tokens.identities[actor.principal] = actor.identity

        def send(method: str, path: str, by: Actor, **kwargs: object) -> Answer:
            return client.call(method, path, key=by.principal, **kwargs)

        yield send


@pytest.fixture
def talk(ada):
    return make_conversation(ada)


def at(row, message=None, deed=""):
    path = f"/api/v1/conversations/{row.public_id}/messages"
    return "/".join(filter(None, (path, message and message.public_id, deed)))


def test_a_message_in_full(call, ada, talk):
    file = {"id": "file_1", "name": "a.csv", "size": 3, "content_type": "text/csv"}
    asked = make_message(talk, content="What?\n", files=[file])
    answer = make_message(
        talk,
        asked,
        content="That.",
        reasoning="Hm.",
        model="chat",
        status="failed",
        prompt_tokens=10,
        completion_tokens=5,
        cost_nano=10**6,
        error_code="upstream_cut",
        error_message="It broke off.",
        finish_reason="length",
        request_id="req_1",
        context={"messages": 1},
        tool_calls=[{"id": "call_1"}],
    )

    first, second = call("GET", at(talk), ada).json()["data"]

    assert [each.pop("created_at")[-1] for each in (first, second)] == ["Z", "Z"]
    assert first == {
        "id": asked.public_id,
        "role": "user",
        "content": "What?\n",
        "parent_id": None,
        "status": "complete",
        "finished_at": None,
        "usage": None,
        "model": None,
        "reasoning": "",
        "tool_calls": [],
        "attachments": [file],
        "context": {},
        "finish_reason": "",
        "error": None,
        "request_id": "",
        "siblings": {"count": 1, "position": 1, "ids": [asked.public_id]},
        "feedback": None,
    }
    assert second == {
        "id": answer.public_id,
        "role": "assistant",
        "content": "That.",
        "parent_id": asked.public_id,
        "status": "failed",
        "finished_at": None,
        "usage": {"prompt": 10, "completion": 5, "total": 15, "cost": 0.001},
        "model": "chat",
        "reasoning": "Hm.",
        "tool_calls": [{"id": "call_1"}],
        "attachments": [],
        "context": {"messages": 1},
        "finish_reason": "length",
        "error": {"code": "upstream_cut", "message": "It broke off."},
        "request_id": "req_1",
        "siblings": {"count": 1, "position": 1, "ids": [answer.public_id]},
        "feedback": None,
    }
    one = call("GET", at(talk, answer), ada)
    assert {**one.json(), "created_at": None} == {**second, "created_at": None}


def test_the_list_is_of_the_active_branch(call, ada, talk):
    asked = make_message(talk)
    left = make_message(talk, asked)
    right = make_message(talk, asked)
    make_message(make_conversation(ada))

    branch = call("GET", at(talk), ada).json()
    tree = call("GET", f"{at(talk)}?tree=true", ada).json()

    assert [row["id"] for row in branch["data"]] == [asked.public_id, right.public_id]
    assert branch["meta"] == {"page": 1, "limit": 20, "total": 2, "total_pages": 1}
    assert [row["id"] for row in tree["data"]] == [
        asked.public_id,
        left.public_id,
        right.public_id,
    ]
    assert branch["data"][1]["siblings"] == {
        "count": 2,
        "position": 2,
        "ids": [left.public_id, right.public_id],
    }


def test_a_page_opens_at_its_end(call, ada, talk):
    ids = [row.public_id for row in make_branch(talk, 5)]

    end = call("GET", f"{at(talk)}?before=end&limit=2", ada).json()
    more = call("GET", f"{at(talk)}?before={end['meta']['before']}&limit=2", ada).json()

    assert [row["id"] for row in end["data"]] == ids[3:]
    assert end["meta"] == {"limit": 2, "total": 5, "before": ids[3]}
    assert [row["id"] for row in more["data"]] == ids[1:3]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("tree=yes", 422),
        ("limit=0", 422),
        ("limit=201", 422),
        ("page=x", 422),
        ("before=nope", 404),
        ("before=msg_" + "0" * 32, 404),
    ],
)
def test_wrong_parameters_of_the_list(call, ada, talk, query, status):
    answer = call("GET", f"{at(talk)}?{query}", ada)

    assert answer.status == status
    if status == 422:
        assert answer.json()["invalid_fields"] == [query.partition("=")[0]]


def test_an_answer_of_a_dead_process_reads_interrupted(call, ada, talk):
    make_generation(make_message(talk, make_message(talk)), seconds=-1)

    assert call("GET", at(talk), ada).json()["data"][1]["status"] == "interrupted"


def test_select_makes_a_branch_the_active_one(call, ada, talk):
    asked = make_message(talk)
    left = make_message(talk, asked)
    make_message(talk, asked)

    answer = call("POST", at(talk, left, "select"), ada)

    assert (answer.status, answer.json()["head_id"]) == (200, left.public_id)
    assert call("GET", at(talk), ada).json()["data"][1]["id"] == left.public_id


def test_feedback_is_said_and_taken_back(call, ada, talk):
    told = make_message(talk, make_message(talk))
    path = at(talk, told, "feedback")

    said = call("POST", path, ada, body={"value": "down", "comment": "Too long."})
    again = call("POST", path, ada, body={"value": "up"})
    back = call("POST", path, ada, body={"value": None})

    assert [answer.status for answer in (said, again, back)] == [200, 200, 200]
    assert [answer.json()["feedback"] for answer in (said, again, back)] == [
        {"value": "down", "comment": "Too long."},
        {"value": "up", "comment": ""},
        None,
    ]


def test_feedback_on_what_was_asked_is_refused(call, ada, talk):
    answer = call("POST", at(talk, make_message(talk), "feedback"), ada, body={"value": "up"})

    assert (answer.status, answer.json()["invalid_fields"]) == (422, ["id"])


def test_whose_it_is_decides(call, ada, ben, chief, stranger):
    private = make_conversation(ada)
    shown = make_conversation(ada, visibility="organization")
    told = {row: make_message(row, make_message(row)) for row in (private, shown)}

    def statuses(by, row):
        good = {"body": {"value": "up"}}
        return [
            call("GET", at(row), by).status,
            call("GET", f"{at(row)}?tree=true", by).status,
            call("GET", at(row, told[row]), by).status,
            call("POST", at(row, told[row], "select"), by).status,
            call("POST", at(row, told[row], "feedback"), by, **good).status,
        ]

    assert statuses(ada, private) == [200] * 5
    assert statuses(ben, private) == [404] * 5
    assert statuses(chief, private) == [404] * 5
    assert statuses(stranger, private) == [404] * 5
    assert statuses(ben, shown) == [200, 200, 200, 403, 200]
    assert statuses(stranger, shown) == [404] * 5


def test_a_message_is_found_in_its_own_conversation_alone(call, ada, talk, stranger):
    other = make_message(make_conversation(ada))
    with organization_scope(stranger.organization_id):
        foreign = make_message(make_conversation(stranger))

    for message in (other, foreign):
        assert call("GET", at(talk, message), ada).status == 404
        assert call("POST", at(talk, message, "select"), ada).status == 404
