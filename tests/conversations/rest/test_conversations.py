from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.conversations.models import Conversation
from apps.core.actor import Actor
from apps.core.tenancy import organization_scope
from apps.events.models import AuditEntry
from tests.client import Answer, GateClient
from tests.factories.conversations import make_branch, make_conversation, make_message
from tests.factories.doors import known_tokens

pytestmark = pytest.mark.django_db

PATH = "/api/v1/conversations"
SECRET = "what only its owner may read"


@pytest.fixture
def call(ada, ben, chief, reader, stranger) -> Iterator[object]:
    """`call("GET", path, ada)`: through the gate, by a token of theirs."""
    client = GateClient()
    with known_tokens() as tokens:
        for actor in (ada, ben, chief, reader, stranger):
            tokens.identities[actor.principal] = actor.identity

        def send(method: str, path: str, by: Actor, **kwargs: object) -> Answer:
            return client.call(method, path, key=by.principal, **kwargs)

        yield send


def fields_of(answer: Answer) -> list[tuple[str, str]]:
    return [(each["field"], each["type"]) for each in answer.json()["details"]]


def test_create_answers_the_conversation(call, ada):
    answer = call(
        "POST",
        PATH,
        ada,
        body={"title": "Signals", "model": "chat", "system_prompt": "Be brief.\n"},
    )

    row = Conversation.objects.get()
    assert (answer.status, answer.headers["etag"]) == (201, '"r1"')
    body = answer.json()
    assert [body.pop(name)[-1] for name in ("created_at", "updated_at")] == ["Z", "Z"]
    assert body == {
        "id": row.public_id,
        "title": "Signals",
        "model": "chat",
        "owner": {"id": ada.principal, "name": ada.identity.name},
        "visibility": "private",
        "tags": [],
        "parameters": {},
        "trimming": "oldest",
        "context_tokens": None,
        "archived": False,
        "archived_at": None,
        "message_count": 0,
        "revision": 1,
        "system_prompt": "Be brief.\n",
        "head_id": None,
        "usage": {"prompt": 0, "completion": 0, "total": 0, "cost": 0.0},
    }


def test_create_without_a_title(call, ada):
    assert call("POST", PATH, ada, body={"model": "chat"}).json()["title"] is None


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, [("model", "required")]),
        ({"model": "nobody"}, [("model", "model_not_found")]),
        ({"model": "chat", "title": "a" * 256}, [("title", "max_length")]),
        ({"model": "chat", "modle": 1}, [("modle", "unknown_field")]),
        ({"model": "chat", "system_prompt": "a" * 1_000_000}, [("system_prompt", "max_length")]),
        ({"model": "chat", "tags": ["a"] * 21}, [("tags", "max_length")]),
        (
            {"model": "chat", "parameters": {"temperature": 9, "tools": []}},
            [("parameters.temperature", "parameter"), ("parameters.tools", "parameter")],
        ),
        ({"model": "chat", "visibility": "public"}, [("visibility", "invalid_choice")]),
    ],
)
def test_create_names_the_wrong_fields(call, ada, body, fields):
    answer = call("POST", PATH, ada, body=body)

    assert (answer.status, answer.error, fields_of(answer)) == (422, "validation_error", fields)
    assert Conversation.objects.count() == 0


@pytest.mark.parametrize("name", ["title", "system_prompt"])
@pytest.mark.parametrize("spelt", [rb"\u0000", rb"\ud83d"])
def test_create_names_what_cannot_be_kept(call, ada, name, spelt):
    raw = b'{"model": "chat", "%s": "a%s"}' % (name.encode(), spelt)

    answer = call("POST", PATH, ada, raw=raw)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [name])


def test_a_body_beyond_all_bounds_is_too_large(call, ada):
    raw = b'{"model": "chat", "system_prompt": "%s"}' % (b"a" * (10 * 1024 * 1024))

    answer = call("POST", PATH, ada, raw=raw)

    assert (answer.status, answer.error) == (413, "too_large")


def test_list_is_light(call, ada, ben, stranger):
    mine = make_conversation(ada, system_prompt=SECRET)
    make_message(mine, content=SECRET)
    shown = make_conversation(ben, visibility="organization")
    make_conversation(ben)
    make_conversation(stranger, visibility="organization")

    answer = call("GET", PATH, ada)

    body = answer.json()
    assert [row["id"] for row in body["data"]] == [shown.public_id, mine.public_id]
    assert body["meta"] == {"page": 1, "limit": 20, "total": 2, "total_pages": 1}
    assert SECRET not in answer.body.decode()
    assert body["data"][1]["message_count"] == 1


@pytest.mark.parametrize("count", [3, 30])
def test_list_costs_two_queries_however_long(call, ada, count):
    for _ in range(count):
        make_branch(make_conversation(ada), 4)

    with CaptureQueriesContext(connection) as queries:
        answer = call("GET", PATH, ada, query={"limit": 50})

    said = [query["sql"] for query in queries if "conversations_" in query["sql"]]
    assert (len(answer.json()["data"]), len(said)) == (count, 2)
    assert [sql for sql in said if "conversations_message" in sql or "system_prompt" in sql] == []


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["c", "b"]),
        ("archived=true", ["a"]),
        ("archived=all", ["c", "b", "a"]),
        ("tag=x", ["b"]),
        ("model=spare", ["c"]),
        ("mine=true", ["b"]),
        ("mine=false", ["c"]),
        ("visibility=organization", ["c"]),
        ("ordering=title", ["b", "c"]),
        ("archived=all&ordering=-title", ["c", "b", "a"]),
        ("archived=all&page=2&limit=2", ["a"]),
    ],
)
def test_list_is_filtered_and_ordered(call, ada, ben, query, titles):
    make_conversation(ada, title="a", archived_at=timezone.now())
    make_conversation(ada, title="b", tags=["x"])
    make_conversation(ben, title="c", model="spare", visibility="organization")
    make_conversation(ben, title="hidden", tags=["x"], model="spare")

    answer = call("GET", f"{PATH}?{query}", ada)

    assert [row["title"] for row in answer.json()["data"]] == titles


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("archived=yes", "archived"),
        ("mine=1", "mine"),
        ("visibility=public", "visibility"),
        ("ordering=system_prompt", "ordering"),
        ("ordering=owner", "ordering"),
    ],
)
def test_list_names_a_wrong_parameter(call, ada, query, name):
    answer = call("GET", f"{PATH}?{query}", ada)

    assert (answer.status, answer.json()["invalid_fields"]) == (422, [name])


def test_read_change_replace_remove(call, ada):
    row = make_conversation(ada, tags=["x"])
    message = make_message(row, prompt_tokens=10, completion_tokens=5, cost_nano=2 * 10**9)
    path = f"{PATH}/{row.public_id}"

    read = call("GET", path, ada)
    assert (read.status, read.json()["head_id"]) == (200, message.public_id)
    assert read.json()["usage"] == {"prompt": 10, "completion": 5, "total": 15, "cost": 2.0}
    etag = read.headers["etag"]
    assert call("GET", path, ada, headers={"If-None-Match": etag}).status == 304

    changed = call("PATCH", path, ada, body={"archived": True}, headers={"If-Match": etag})
    assert (changed.status, changed.headers["etag"]) == (200, '"r2"')
    assert (changed.json()["archived"], changed.json()["tags"]) == (True, ["x"])
    assert call("PATCH", path, ada, body={"title": "x"}, headers={"If-Match": etag}).status == 412
    assert fields_of(call("PATCH", path, ada, body={})) == [("body", "required")]

    replaced = call("PUT", path, ada, body={"model": "spare"}, headers={"If-Match": '"r2"'})
    body = replaced.json()
    assert (replaced.status, body["model"], body["tags"], body["title"]) == (200, "spare", [], None)
    assert (body["archived"], body["revision"], body["message_count"]) == (False, 3, 1)

    assert call("DELETE", path, ada, headers={"If-Match": '"r2"'}).status == 412
    assert call("DELETE", path, ada).status == 204
    assert call("GET", path, ada).status == 404


def test_whose_it_is_decides(call, ada, ben, chief, reader, stranger):
    private = make_conversation(ada)
    shown = make_conversation(ada, visibility="organization")

    def statuses(by: Actor, row: Conversation) -> list[int]:
        path = f"{PATH}/{row.public_id}"
        return [
            call("GET", path, by).status,
            call("PATCH", path, by, body={"title": "Mine now"}).status,
            call("PUT", path, by, body={"model": "chat"}).status,
            call("DELETE", path, by).status,
        ]

    assert statuses(ben, private) == [404, 404, 404, 404]
    assert statuses(chief, private) == [404, 404, 404, 404]
    assert statuses(reader, private) == [404, 403, 403, 403]
    assert statuses(stranger, private) == [404, 404, 404, 404]
    assert statuses(ben, shown) == [200, 403, 403, 403]
    assert statuses(chief, shown) == [200, 403, 403, 403]
    assert statuses(reader, shown) == [200, 403, 403, 403]
    assert statuses(stranger, shown) == [404, 404, 404, 404]
    assert statuses(ada, shown) == [200, 200, 200, 204]


def test_the_trail_holds_no_texts(call, ada):
    made = call(
        "POST", PATH, ada, body={"title": SECRET, "model": "chat", "system_prompt": SECRET}
    ).json()
    path = f"{PATH}/{made['id']}"
    call("PATCH", path, ada, body={"title": f"{SECRET}!", "tags": [SECRET]})
    call("DELETE", path, ada)

    entries = list(AuditEntry.objects.order_by("pk"))

    assert [entry.action for entry in entries] == [
        "conversations.conversation.created",
        "conversations.conversation.changed",
        "conversations.conversation.removed",
    ]
    assert [entry.object_id for entry in entries] == [made["id"]] * 3
    assert SECRET not in repr([vars(entry) for entry in entries])


def test_stats_are_for_administrators(call, ada, ben, chief, stranger):
    row = make_conversation(ada, title=SECRET)
    make_message(row, content=SECRET, prompt_tokens=10, completion_tokens=5, cost_nano=10**9)
    theirs = make_conversation(stranger)
    with organization_scope(stranger.organization_id):
        make_message(theirs, prompt_tokens=10)

    answer = call("GET", f"{PATH}/stats", chief)

    body = answer.json()
    assert [each.pop("last_at")[-1] for each in body["data"]] == ["Z"]
    assert body == {
        "data": [
            {
                "owner": {"id": ada.principal, "name": ada.identity.name},
                "conversations": 1,
                "archived": 0,
                "messages": 1,
                "usage": {"prompt": 10, "completion": 5, "total": 15, "cost": 1.0},
            }
        ],
        "meta": {"page": 1, "limit": 20, "total": 1, "total_pages": 1},
    }
    assert SECRET not in answer.body.decode()
    assert call("GET", f"{PATH}/stats", ben).status == 403
