"""Subscriptions carry numbers, and go on after one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.ws.graphql_ws import PROTOCOL
from apps.events.services import retention
from apps.tenants.models import Organization
from tests.factories.doors import Socket, drive, known_tokens
from tests.factories.events import make_identity, number_pending, write_events

pytestmark = pytest.mark.integration

QUERY = "subscription { alertEvents(after: %d) { topic seq event data } }"


@pytest.fixture
def place(organization: Organization) -> Iterator[Organization]:
    with known_tokens() as tokens:
        tokens.identities["admin"] = make_identity(organization)
        yield organization


def publish(place: Organization, count: int, *, days: int = 0) -> None:
    at = timezone.now() - timedelta(days=days)
    write_events(place, count, topic="alert.events", at=at)
    number_pending()


async def follow(after: int, count: int) -> list[Any]:
    async with Socket("/graphql", key="admin", protocol=PROTOCOL) as socket:
        await socket.say({"type": "connection_init"})
        await socket.hear()
        payload = {"query": QUERY % after}
        await socket.say({"id": "1", "type": "subscribe", "payload": payload})
        frames = [await socket.hear() for _ in range(count)]
    return [frame["payload"]["data"]["alertEvents"] for frame in frames]


def test_subscription_goes_on_after_a_number(place: Organization) -> None:
    publish(place, 3)

    events = drive(follow(1, 2))

    assert events == [
        {"topic": "alert.events", "seq": 2, "event": "a.b.c", "data": {"n": 1}},
        {"topic": "alert.events", "seq": 3, "event": "a.b.c", "data": {"n": 2}},
    ]


def test_subscription_tells_of_a_gap(place: Organization) -> None:
    publish(place, 2, days=8)
    publish(place, 1)
    retention.sweep()

    events = drive(follow(0, 2))

    assert [(one["event"], one["seq"], one["data"]) for one in events] == [
        ("gap", 2, {"from": 1, "to": 2}),
        ("a.b.c", 3, {"n": 0}),
    ]
