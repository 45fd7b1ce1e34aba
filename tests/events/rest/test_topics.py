"""`/api/v1/events` and its stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core import live
from apps.core.actor import Role
from apps.core.asgi.pool import InlinePool
from apps.core.changes import _tell
from apps.core.ws.registry import registry
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.doors import KnownTokens, known_tokens
from tests.factories.events import make_identity, number_pending, write_events
from tests.factories.tenants import make_organization

pytestmark = pytest.mark.integration

EVENTS = "/api/v1/events"
STREAM = "/api/v1/events/stream"


@pytest.fixture
def tokens(organization: Organization) -> Iterator[KnownTokens]:
    with known_tokens() as known:
        known.identities["admin"] = make_identity(organization)
        known.identities["viewer"] = make_identity(organization, role=Role.VIEWER)
        yield known


@pytest.fixture
def client(tokens: KnownTokens) -> GateClient:
    return GateClient()


def publish(place: Organization, count: int, topic: str = "job.progress") -> None:
    write_events(place, count, topic=topic, at=timezone.now())
    number_pending()


def test_events_come_by_number(
    client: GateClient, organization: Organization, other: Organization
) -> None:
    publish(organization, 5)
    publish(other, 9)
    publish(organization, 1, "alert.events")

    answer = client.get(
        EVENTS, query={"topic": "job.progress", "after": 1, "limit": 2}, key="admin"
    )

    body = answer.json()
    first = body["data"][0]
    assert answer.status == 200
    assert first == {
        "topic": "job.progress",
        "seq": 2,
        "event": "a.b.c",
        "data": {"n": 1},
        "timestamp": first["timestamp"],
    }
    assert [event["seq"] for event in body["data"]] == [2, 3]
    assert body["meta"] == {"limit": 2, "next_after": 3, "last_seq": 5, "gap": None}


def test_events_of_an_empty_topic(client: GateClient) -> None:
    answer = client.get(EVENTS, query={"topic": "job.progress"}, key="admin")

    meta = {"limit": 100, "next_after": 0, "last_seq": 0, "gap": None}
    assert answer.json() == {"data": [], "meta": meta}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 422, "validation_error"),
        ({"topic": "job.*"}, 404, "unknown_topic"),
        ({"topic": "nothing"}, 404, "unknown_topic"),
        ({"topic": "job.progress", "after": "-1"}, 422, "validation_error"),
        ({"topic": "job.progress", "after": "x"}, 422, "validation_error"),
        ({"topic": "job.progress", "limit": "0"}, 422, "validation_error"),
        ({"topic": "job.progress", "limit": "201"}, 422, "validation_error"),
        ({"topic": "audit.events"}, 403, "permission_denied"),
    ],
)
def test_bad_question_is_refused(
    client: GateClient, query: dict[str, str], status: int, code: str
) -> None:
    answer = client.get(EVENTS, query=query, key="viewer")

    assert (answer.status, answer.error) == (status, code)


@pytest.mark.parametrize("path", [EVENTS, STREAM])
def test_stranger_is_refused(client: GateClient, path: str) -> None:
    answer = client.get(path, query={"topic": "job.progress"})

    assert (answer.status, answer.error) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 422, "validation_error"),
        ({"topic": "nothing"}, 404, "unknown_topic"),
        ({"topic": "audit.events"}, 403, "permission_denied"),
        ({"topic": "job.progress", "after": "5"}, 422, "validation_error"),
        ({"topic": "job.progress", "after": "job.progress:x"}, 422, "validation_error"),
    ],
)
def test_bad_stream_is_refused(
    client: GateClient, query: dict[str, str], status: int, code: str
) -> None:
    answer = client.get(STREAM, query=query, key="viewer")

    assert (answer.status, answer.error) == (status, code)


def read(
    client: GateClient,
    monkeypatch: pytest.MonkeyPatch,
    query: dict[str, Any],
    *,
    deeds: Any = (),
    headers: Any = None,
    key: str = "admin",
) -> list[tuple[str, str, Any]]:
    """A stream's events as (name, id, data): before each keep-alive the next deed is done, after the last it ends."""
    left = list(deeds)
    whole = live.Feed.next

    async def next_soon(feed: Any, patience: float | None = None) -> Any:
        item = await whole(feed, 0.02)
        if item is None:
            if not left:
                feed.end("the test is over")
            else:
                await InlinePool().run(left.pop(0))
        return item

    monkeypatch.setattr(live.Feed, "next", next_soon)
    answer = client.get(STREAM, query=query, key=key, headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    return parse(answer.body.decode())


def parse(text: str) -> list[tuple[str, str, Any]]:
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        if "data" in fields:
            data = json.loads(fields["data"])
            events.append((fields.get("event", ""), fields.get("id", ""), data))
    return events


def test_stream_tells_what_comes_with_ids_of_every_topic(
    client: GateClient, organization: Organization, other: Organization, monkeypatch: Any
) -> None:
    publish(organization, 3)

    events = read(
        client,
        monkeypatch,
        {"topic": "job.*", "after": ""},
        deeds=[lambda: publish(organization, 1), lambda: publish(other, 1)],
    )

    hello, event, end = events
    assert hello[:2] == ("subscribed", "job.progress:3")
    assert (event[0], event[1], event[2]["seq"]) == ("", "job.progress:4", 4)
    assert (end[0], end[2]["reason"]) == ("end", "the test is over")
    assert registry.count == 0


def test_stream_resumes_several_topics_at_once(
    client: GateClient, organization: Organization, monkeypatch: Any
) -> None:
    publish(organization, 3)
    publish(organization, 2, "alert.events")

    events = read(
        client,
        monkeypatch,
        {"topic": "alert.events"},
        headers={"Last-Event-ID": "alert.events:1,job.progress:1"},
    )

    assert [(one[1], one[2].get("seq")) for one in events[:2]] == [
        ("alert.events:1", None),
        ("alert.events:2", 2),
    ]


def test_stream_ends_when_the_key_is_revoked(
    client: GateClient, tokens: KnownTokens, monkeypatch: Any
) -> None:
    def revoke() -> None:
        tokens.identities.pop("admin", None)
        _tell("identity:" + next(iter(registry._sockets)).organization)  # type: ignore[operator]  # it has one

    events = read(client, monkeypatch, {"topic": "job.progress"}, deeds=[revoke, *[wait] * 5])

    assert events[-1][2]["reason"] == "unauthenticated"


def test_stream_ends_when_a_topic_is_not_permitted_any_more(
    client: GateClient, tokens: KnownTokens, organization: Organization, monkeypatch: Any
) -> None:
    def demote() -> None:
        tokens.identities["admin"] = make_identity(organization, role=Role.VIEWER)
        _tell("identity:" + organization.public_id)

    events = read(client, monkeypatch, {"topic": "audit.events"}, deeds=[demote, *[wait] * 5])

    assert events[-1][2]["reason"] == "permission_denied"


def test_stream_goes_on_when_other_rights_change(
    client: GateClient, tokens: KnownTokens, organization: Organization, monkeypatch: Any
) -> None:
    def demote() -> None:
        tokens.identities["admin"] = make_identity(organization, role=Role.VIEWER)
        _tell("identity:" + organization.public_id)

    events = read(client, monkeypatch, {"topic": "job.progress"}, deeds=[demote, wait, wait])

    assert events[-1][2]["reason"] == "the test is over"


def test_stream_ends_when_the_credential_expires(
    client: GateClient, tokens: KnownTokens, organization: Organization, monkeypatch: Any
) -> None:
    soon = timezone.now() + timedelta(milliseconds=30)
    tokens.identities["admin"] = make_identity(organization, expires_at=soon)

    events = read(client, monkeypatch, {"topic": "job.progress"}, deeds=[wait] * 10)

    assert events[-1][2]["reason"] == "unauthenticated"


def test_stream_of_a_server_that_drains_ends_at_once(client: GateClient, monkeypatch: Any) -> None:
    monkeypatch.setattr("apps.core.asgi.lifecycle.lifecycle.is_draining", True)

    events = read(client, monkeypatch, {"topic": "job.progress"}, deeds=[wait])

    assert [one[0] for one in events] == ["subscribed", "end"]
    assert events[-1][2]["reason"] == "restart"


def test_two_organizations_number_for_themselves(
    client: GateClient, tokens: KnownTokens, organization: Organization
) -> None:
    elsewhere = make_organization()
    tokens.identities["theirs"] = make_identity(elsewhere)
    publish(organization, 2)
    publish(elsewhere, 1)

    query = {"topic": "job.progress"}
    counts = [
        len(client.get(EVENTS, query=query, key=key).json()["data"]) for key in ("admin", "theirs")
    ]

    assert counts == [2, 1]


def wait() -> None:
    """Let the next keep-alive come."""
