"""A published fact reaches the sockets of its organization once it is committed, on both protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from apps.core import bus
from apps.tenants.models import Organization
from tests.factories.doors import KnownTokens, Socket, known_tokens
from tests.factories.events import make_fact, make_identity, number_pending
from tests.factories.tenants import make_organization

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tokens() -> Iterator[KnownTokens]:
    with known_tokens() as known:
        yield known


def publish(fact: bus.Fact, *, roll_back: bool = False) -> None:
    """In a thread of its own, which leaves no connection behind."""
    with transaction.atomic():
        bus.publish(fact)
        transaction.set_rollback(roll_back)
    number_pending()
    connection.close()


async def hear_after(fact: bus.Fact, key: str, *, roll_back: bool = False) -> Any:
    """What a follower of the audit hears of a fact published by another thread."""
    async with Socket("/ws", key=key) as socket:
        await socket.say({"type": "subscribe", "topics": ["audit.events"]})
        await socket.hear()
        await asyncio.to_thread(publish, fact, roll_back=roll_back)
        return None if await socket.is_silent() else await socket.hear()


def test_committed_fact_is_heard(tokens: KnownTokens) -> None:
    organization: Organization = make_organization()
    tokens.identities["admin"] = make_identity(organization)
    fact = make_fact(organization, after={"secret": "x"})
    assert fact.actor is not None

    event = asyncio.run(hear_after(fact, "admin"))

    assert event == {
        "type": "event",
        "topic": "audit.events",
        "seq": 1,
        "event": "keys.key.created",
        "data": {
            "action": "keys.key.created",
            "actor": {"id": fact.actor.principal, "name": fact.actor.identity.name},
            "object": {"id": fact.object_id, "name": fact.object_name},
            "at": event["data"]["at"],
        },
        "timestamp": event["data"]["at"],
    }


def test_rolled_back_fact_is_not_heard(tokens: KnownTokens) -> None:
    organization = make_organization()
    tokens.identities["admin"] = make_identity(organization)

    assert asyncio.run(hear_after(make_fact(organization), "admin", roll_back=True)) is None


def test_foreign_fact_is_not_heard(tokens: KnownTokens) -> None:
    tokens.identities["admin"] = make_identity(make_organization())

    assert asyncio.run(hear_after(make_fact(make_organization()), "admin")) is None
