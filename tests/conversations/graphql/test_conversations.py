"""Conversations through GraphQL say what the services say, refusals included."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.conversations.enums import Visibility
from apps.conversations.models import Conversation
from apps.core.tenancy import unscoped
from tests.conversations.graphql.conftest import Person
from tests.factories.conversations import make_branch, make_conversation, make_message

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
FIELDS = "id title model owner { id } visibility tags parameters trimming contextTokens archived messageCount revision"
CREATE = f"mutation ($input: ConversationInput!) {{ createConversation(input: $input) {{ conversation {{ {FIELDS} }} }} }}"
UPDATE = "mutation ($id: ID!, $input: ConversationChangeInput!, $r: Int) { updateConversation(id: $id, input: $input, expectedRevision: $r) { conversation { title tags model revision } } }"
ARCHIVE = "mutation ($id: ID!, $to: Boolean) { archiveConversation(id: $id, archived: $to) { conversation { archived } } }"
DELETE = "mutation ($id: ID!, $r: Int) { deleteConversation(id: $id, expectedRevision: $r) { id } }"
LIST = "query ($first: Int, $after: String, $archived: String, $tag: String, $mine: Boolean, $visibility: String) { conversations(first: $first, after: $after, archived: $archived, tag: $tag, mine: $mine, visibility: $visibility) { totalCount nodes { id title owner { name } messageCount } pageInfo { hasNextPage endCursor } } }"
ONE = "query ($id: ID!) { conversation(id: $id) { conversation { id title } systemPrompt headId usage { total cost } } }"
STATS = "{ conversationStats { totalCount nodes { owner { id } conversations messages usage { total } } } }"


def ids(found: Any) -> list[str]:
    return [row["id"] for row in found["nodes"]]


def test_a_conversation_from_its_beginning_to_its_end(ada: Person) -> None:
    made = ada.done(
        CREATE,
        input={
            "model": "chat",
            "systemPrompt": "Be brief.",
            "tags": ["rail"],
            "parameters": {"temperature": 0.5},
            "contextTokens": None,
        },
    )["conversation"]
    opened = ada.done(ONE, id=made["id"])
    changed = ada.done(UPDATE, id=made["id"], input={"title": "Rails", "tags": []}, r=1)
    stale = ada.refused(UPDATE, id=made["id"], input={"title": "x"}, r=1)
    away = ada.done(ARCHIVE, id=made["id"])
    back = ada.done(ARCHIVE, id=made["id"], to=False)
    not_yet = ada.refused(DELETE, id=made["id"], r=1)
    gone = ada.done(DELETE, id=made["id"], r=4)

    assert made == {
        "id": made["id"],
        "title": None,
        "model": "chat",
        "owner": {"id": ada.actor.principal},
        "visibility": "private",
        "tags": ["rail"],
        "parameters": {"temperature": 0.5},
        "trimming": "oldest",
        "contextTokens": None,
        "archived": False,
        "messageCount": 0,
        "revision": 1,
    }
    assert opened == {
        "conversation": {"id": made["id"], "title": None},
        "systemPrompt": "Be brief.",
        "headId": None,
        "usage": {"total": 0, "cost": 0.0},
    }
    assert changed["conversation"] == {
        "title": "Rails",
        "tags": [],
        "model": "chat",
        "revision": 2,
    }
    assert stale == not_yet == ("STALE", "stale")
    assert (away["conversation"], back["conversation"]) == ({"archived": True}, {"archived": False})
    assert gone == {"id": made["id"]}
    assert ada.refused(ONE, id=made["id"]) == ("NOT_FOUND", "not_found")


@pytest.mark.parametrize(
    "given",
    [
        {"model": "nobody-knows-it"},
        {"model": "chat", "trimming": "newest"},
        {"model": "chat", "visibility": "public"},
        {"model": "chat", "tags": None},
        {"model": "chat", "tags": ["x" * 51]},
        {"model": "chat", "parameters": {"n": 3}},
        {"model": "chat", "parameters": [1]},
        {"model": "chat", "contextTokens": 1},
        {"model": "chat", "title": "x" * 256},
        {"model": "chat", "systemPrompt": "x" * 100_001},
        {"model": "chat", "archived": None},
        {"model": "chat", "colour": "red"},
        {"title": "no model"},
    ],
)
def test_what_makes_no_conversation(ada: Person, given: dict[str, Any]) -> None:
    assert ada.refused(CREATE, input=given)[0] == "INVALID"
    with unscoped(reason="a test counts"):
        assert Conversation.objects.count() == 0


@pytest.mark.parametrize("given", [{}, {"model": None}, {"tags": None}, {"model": "nothing"}])
def test_what_changes_no_conversation(ada: Person, given: dict[str, Any]) -> None:
    made = make_conversation(ada.actor)

    assert ada.refused(UPDATE, id=made.public_id, input=given)[0] == "INVALID"
    made.refresh_from_db()
    assert made.revision == 1


def test_a_list_goes_by_the_last_use_in_pages(ada: Person) -> None:
    now = timezone.now()
    made = [
        make_conversation(ada.actor, updated_at=now - timedelta(minutes=age)).public_id
        for age in (3, 1, 5, 2, 4)
    ]
    wanted = [made[place] for place in (1, 3, 0, 4, 2)]

    first = ada.done(LIST, first=2)
    second = ada.done(LIST, first=2, after=first["pageInfo"]["endCursor"])
    last = ada.done(LIST, first=2, after=second["pageInfo"]["endCursor"])

    assert ids(first) + ids(second) + ids(last) == wanted
    assert [part["totalCount"] for part in (first, second, last)] == [5, 5, 5]
    assert last["pageInfo"] == {"hasNextPage": False, "endCursor": None}


def test_a_list_of_what_was_asked_for(ada: Person, ben: Person) -> None:
    plain = make_conversation(ada.actor).public_id
    tagged = make_conversation(ada.actor, tags=["rail"]).public_id
    away = make_conversation(ada.actor, archived_at=timezone.now()).public_id
    shown = make_conversation(ben.actor, visibility=Visibility.ORGANIZATION).public_id
    make_conversation(ben.actor)

    assert set(ids(ada.done(LIST))) == {plain, tagged, shown}
    assert ids(ada.done(LIST, tag="rail")) == [tagged]
    assert ids(ada.done(LIST, archived="true")) == [away]
    assert set(ids(ada.done(LIST, archived="all", mine=True))) == {plain, tagged, away}
    assert ids(ada.done(LIST, mine=False)) == [shown]
    assert ids(ada.done(LIST, visibility="organization")) == [shown]


@pytest.mark.parametrize(
    "given",
    [
        {"first": 0},
        {"first": 101},
        {"after": "nonsense"},
        {"after": "cm93czotMQ"},  # rows:-1
        {"first": 3, "after": "cm93czo0"},  # rows:4
        {"archived": "maybe"},
        {"visibility": "public"},
    ],
)
def test_lists_refuse_what_they_cannot_read(ada: Person, given: dict[str, Any]) -> None:
    assert ada.refused(LIST, **given)[0] == "INVALID"


def test_others_read_what_is_shown_and_write_nothing(
    ada: Person, ben: Person, chief: Person, viewer: Person, stranger: Person
) -> None:
    private = make_conversation(ada.actor).public_id
    shown = make_conversation(ada.actor, visibility=Visibility.ORGANIZATION).public_id
    deeds: list[tuple[str, dict[str, Any]]] = [
        (UPDATE, {"input": {"title": "x"}}),
        (ARCHIVE, {}),
        (DELETE, {}),
    ]

    assert {
        who.refused(query, id=private, **more)
        for who in (ben, chief, stranger)
        for query, more in [(ONE, {}), *deeds]
    } == {("NOT_FOUND", "not_found")}
    assert ben.done(ONE, id=shown)["conversation"]["id"] == shown
    assert viewer.done(ONE, id=shown)["conversation"]["id"] == shown
    assert stranger.refused(ONE, id=shown) == ("NOT_FOUND", "not_found")
    assert {ben.refused(query, id=shown, **more) for query, more in deeds} == {
        ("DENIED", "not_the_owner")
    }
    assert {viewer.refused(query, id=shown, **more) for query, more in deeds} == {
        ("DENIED", "permission_denied")
    }
    assert viewer.refused(CREATE, input={"model": "chat"})[0] == "DENIED"
    assert ids(stranger.done(LIST)) == []


def test_statistics_are_counts_for_administrators(
    ada: Person, chief: Person, stranger: Person
) -> None:
    make_branch(make_conversation(ada.actor), 4)
    make_branch(make_conversation(stranger.actor), 2)

    assert chief.done(STATS) == {
        "totalCount": 1,
        "nodes": [
            {
                "owner": {"id": ada.actor.principal},
                "conversations": 1,
                "messages": 4,
                "usage": {"total": 0},
            }
        ],
    }
    assert ada.refused(STATS) == ("DENIED", "permission_denied")


def test_reading_costs_the_same_however_much_there_is(ada: Person) -> None:
    everything = "query ($id: ID!) { conversations { totalCount nodes { id title owner { name } parameters } } conversation(id: $id) { systemPrompt usage { cost } messages { totalCount nodes { content siblings { ids } feedback { value } attachments { id } } } } }"
    conversation = make_conversation(ada.actor)
    make_message(conversation, make_message(conversation))

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            body = ada.ask(everything, id=conversation.public_id)
        assert "errors" not in body, body
        return len(queries)

    cost()
    before = cost()
    make_branch(conversation, 30)
    for _ in range(5):
        make_branch(make_conversation(ada.actor), 6)

    assert cost() == before
