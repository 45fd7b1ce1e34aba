"""Drain, news that overtakes news, and news that comes while the database is away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from django.db import OperationalError

from apps.core.actor import Identity
from apps.core.asgi.lifecycle import lifecycle
from apps.core.asgi.pool import Pool, use_pool
from apps.core.changes import _tell
from apps.core.limits import policy
from apps.core.ws import registry as registry_module
from apps.core.ws.auth import Proof
from apps.core.ws.base import HouseConsumer
from apps.core.ws.registry import MAX_STRANGERS, registry
from tests.factories.doors import KnownTokens, Socket, drive
from tests.factories.events import make_identity

pytestmark = pytest.mark.integration


@pytest.fixture
def admin(tokens: KnownTokens) -> str:
    tokens.identities["admin"] = make_identity()
    return "admin"


def test_drain_closes_every_socket_for_a_restart(admin: str) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as one, Socket("/ws") as stranger:
            await registry.finish_all()
            return [await one.hear(), await stranger.hear()]

    assert drive(talk()) == [1012, 1012]


def test_socket_opened_while_draining_is_closed_at_once(
    admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "is_draining", True)

    async def talk() -> Any:
        async with Socket("/ws", key=admin) as socket:
            return await socket.hear()

    assert drive(talk()) == 1012


def test_closed_sockets_are_forgotten(admin: str) -> None:
    async def talk() -> None:
        async with Socket("/ws", key=admin), Socket("/ws"), Socket("/ws", key="bad"):
            pass

    drive(talk())

    assert registry._sockets == set()
    assert registry._strangers == {}


def test_recheck_waits_for_a_database_that_comes_back(
    tokens: KnownTokens, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "PAUSE", 0.01)
    real, failures = tokens.identify, iter([True, True])

    def identify(token: str) -> Identity:
        if next(failures, False):
            raise OperationalError("away")
        return real(token)

    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as socket:
            monkeypatch.setattr(tokens, "identify", identify)
            _tell("identity:org_1")
            await socket.is_silent()
            await socket.say({"type": "ping"})
            return [await socket.hear(), next(failures, "asked")]

    assert drive(talk()) == [{"type": "pong"}, "asked"]


def test_recheck_closes_when_the_database_stays_away(
    tokens: KnownTokens, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "PAUSE", 0.01)

    def identify(token: str) -> Identity:
        raise OperationalError("away")

    async def talk() -> Any:
        async with Socket("/ws", key=admin) as socket:
            monkeypatch.setattr(tokens, "identify", identify)
            _tell("identity:org_1")
            return await socket.hear()

    assert drive(talk()) == 1013


def test_socket_whose_session_moved_to_another_organization_is_closed(
    tokens: KnownTokens, admin: str
) -> None:
    async def talk() -> Any:
        async with Socket("/ws", key=admin) as socket:
            elsewhere = {"organization": "org_2", "organization_id": 2}
            tokens.identities["admin"] = replace(tokens.identities["admin"], **elsewhere)
            _tell("identity:org_1")
            return await socket.hear()

    assert drive(talk()) == 4401


def test_news_while_a_socket_is_being_let_in_is_not_missed(
    tokens: KnownTokens, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hit = policy.hit_identity

    async def hit_while_the_key_is_revoked(*args: Any) -> Any:
        tokens.identities.clear()
        _tell("identity:org_1")
        return await hit(*args)

    monkeypatch.setattr(policy, "hit_identity", hit_while_the_key_is_revoked)

    async def talk() -> Any:
        async with Socket("/ws", key=admin) as socket:
            return await socket.hear()

    assert drive(talk()) == 4401


def test_strangers_of_one_home_are_counted_together() -> None:
    taken = [registry.let_stranger_in(f"2001:db8:1:2::{n:x}") for n in range(MAX_STRANGERS)]
    further = registry.let_stranger_in("2001:db8:1:2:ffff::1")
    for n in range(MAX_STRANGERS):
        registry.forget_stranger(f"2001:db8:1:2::{n:x}")

    assert (all(taken), further) == (True, False)
    assert registry._strangers == {}


def test_recheck_asks_once_for_sockets_of_one_key(tokens: KnownTokens, admin: str) -> None:
    async def talk() -> int:
        async with Socket("/ws", key=admin) as one, Socket("/ws", key=admin):
            asked = tokens.asked
            _tell("identity:")
            await one.is_silent()
            return tokens.asked - asked

    assert drive(talk()) == 1


def test_news_that_comes_during_a_recheck_is_asked_for_after_it(
    tokens: KnownTokens, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, is_first, held = tokens.identify, iter([True]), Event()

    def identify(token: str) -> Identity:
        found = real(token)
        if next(is_first, False):
            held.wait(2)  # what it read is old when it is taken in
        return found

    async def talk() -> Any:
        async with Socket("/ws", key=admin):
            (consumer,) = registry._sockets
            monkeypatch.setattr(tokens, "identify", identify)
            _tell("identity:org_1")
            await asyncio.sleep(0.1)
            tokens.identities["admin"] = make_identity(permissions=frozenset())
            _tell("identity:org_1")
            await asyncio.sleep(0.1)
            held.set()
            await asyncio.sleep(0.2)
            return consumer.actor.permissions  # type: ignore[attr-defined]  # of the consumer behind it

    before = use_pool(pool := Pool(2, max_waiting=10))
    try:
        told = asyncio.run(talk())
    finally:
        use_pool(before)
        pool.close()

    assert told == frozenset()


def test_socket_that_cannot_be_renewed_keeps_no_other_its_rights(
    admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed: list[HouseConsumer] = []

    def renew(socket: HouseConsumer, identity: Identity) -> None:
        renewed.append(socket)
        if len(renewed) == 1:
            raise ZeroDivisionError

    async def talk() -> list[Any]:
        monkeypatch.setattr(HouseConsumer, "renew", renew)
        async with Socket("/ws", key=admin) as one, Socket("/ws", key=admin) as two:
            _tell("identity:org_1")
            await asyncio.sleep(0.05)
            for socket in (one, two):
                await socket.say({"type": "ping"})
            return [await one.hear(), await two.hear()]

    heard = drive(talk())
    assert (len(renewed), sorted(map(str, heard))) == (2, ["1011", "{'type': 'pong'}"])


def test_renewing_many_sockets_gives_way_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "RENEWED_AT_ONCE", 10)
    identity = make_identity()
    monkeypatch.setattr(registry_module, "identify_anew", lambda proof: identity)
    turns, seen = [0], []

    class Idle:
        proof = Proof(token="one")
        organization = "org_1"

        def renew(self, identity: Identity) -> None:
            seen.append(turns[0])

    async def watch() -> None:
        while len(seen) < 30:
            turns[0] += 1
            await asyncio.sleep(0)

    async def talk() -> None:
        registry_module.Registry()._check([Idle() for _ in range(30)])  # type: ignore[misc]  # half a socket
        await asyncio.wait_for(watch(), 5)

    drive(talk())

    assert [seen.count(turn) for turn in sorted(set(seen))] == [10, 10, 10]
