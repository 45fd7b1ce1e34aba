"""`graphql-transport-ws`, message by message."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apps.core.actor import Role
from apps.core.changes import _tell
from apps.core.limits.rates import parse_rate
from apps.core.ws.graphql_ws import MAX_OPERATIONS, PROTOCOL
from apps.events.hub import hub
from tests.factories.doors import KnownTokens, Socket, drive
from tests.factories.events import make_identity, make_published

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

INIT = {"type": "connection_init"}
ACK = {"type": "connection_ack"}
FOLLOW = "subscription { auditEvents { topic event data timestamp } }"


def operation(query: str, identifier: str = "1", **payload: Any) -> dict[str, Any]:
    return {"id": identifier, "type": "subscribe", "payload": {"query": query, **payload}}


def publish(organization_id: int = 1) -> None:
    hub.publish([make_published(organization_id=organization_id)])


NEXT = {
    "type": "next",
    "id": "1",
    "payload": {
        "data": {
            "auditEvents": {
                "topic": "audit.events",
                "event": "a.b.c",
                "data": {"n": 1},
                "timestamp": "2026-01-15T10:30:00Z",
            }
        }
    },
}


@pytest.fixture
def admin(tokens: KnownTokens) -> str:
    tokens.identities["admin"] = make_identity()
    return "admin"


class Talk(Socket):
    def __init__(self, key: str = "", **more: Any) -> None:
        super().__init__("/graphql", key=key, protocol=PROTOCOL, **more)

    async def start(self) -> None:
        await self.say(INIT)
        assert await self.hear() == ACK

    async def follow(self, query: str = FOLLOW, identifier: str = "1") -> None:
        await self.say(operation(query, identifier))
        await asyncio.sleep(0.05)


def test_subprotocol_is_answered(admin: str) -> None:
    async def talk() -> Any:
        async with Talk(admin) as socket:
            return [socket.accepted, socket.answered]

    assert drive(talk()) == [True, PROTOCOL]


@pytest.mark.parametrize("protocol", ["", "graphql-ws"])
def test_other_subprotocol_ends_the_socket(protocol: str) -> None:
    async def talk() -> Any:
        async with Socket("/graphql", protocol=protocol) as socket:
            return await socket.hear()

    assert drive(talk()) == 4406


@pytest.mark.parametrize(
    "payload",
    [
        {"token": "admin"},
        {"Authorization": "Bearer admin"},
        {"authorization": "bearer admin"},
        {"X-API-Key": "admin"},
    ],
)
def test_init_may_carry_the_credential(admin: str, payload: dict[str, str]) -> None:
    async def talk() -> Any:
        async with Talk() as socket:
            await socket.say({**INIT, "payload": payload})
            return await socket.hear()

    assert drive(talk()) == ACK


@pytest.mark.parametrize("payload", [None, {}, {"token": "bad"}, {"token": ""}, {"token": 5}])
def test_init_without_a_good_credential_ends_the_socket(admin: str, payload: Any) -> None:
    async def talk() -> Any:
        async with Talk() as socket:
            await socket.say({**INIT, "payload": payload})
            return await socket.hear()

    assert drive(talk()) == 4401


@pytest.mark.parametrize(
    "payload", [[], "token", {"token": "admin", "Authorization": "Bearer second"}]
)
def test_unreadable_init_ends_the_socket(admin: str, payload: Any) -> None:
    async def talk() -> Any:
        async with Talk() as socket:
            await socket.say({**INIT, "payload": payload})
            return await socket.hear()

    assert drive(talk()) == 4400


def test_init_with_another_credential_than_the_header_ends_the_socket(admin: str) -> None:
    async def talk() -> Any:
        async with Talk(admin) as socket:
            await socket.say({**INIT, "payload": {"token": "second"}})
            return await socket.hear()

    assert drive(talk()) == 4400


def test_second_init_ends_the_socket(admin: str) -> None:
    async def talk() -> Any:
        async with Talk(admin) as socket:
            await socket.start()
            await socket.say(INIT)
            return await socket.hear()

    assert drive(talk()) == 4429


@pytest.mark.parametrize("key", ["", "admin"])
def test_missing_init_ends_the_socket(
    admin: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.core.ws.base.HouseConsumer.patience", 0.05)

    async def talk() -> Any:
        async with Talk(key) as socket:
            return await socket.hear()

    assert drive(talk()) == 4408


@pytest.mark.parametrize("key", ["", "admin"])
def test_subscribe_before_init_ends_the_socket(admin: str, key: str) -> None:
    async def talk() -> Any:
        async with Talk(key) as socket:
            await socket.say(operation("{ version }"))
            return await socket.hear()

    assert drive(talk()) == 4401


def test_query_is_answered_and_completed(admin: str) -> None:
    async def talk() -> list[Any]:
        async with Talk(admin) as socket:
            await socket.start()
            await socket.say(operation("{ version health }", "q"))
            return [await socket.hear(), await socket.hear()]

    assert drive(talk()) == [
        {"type": "next", "id": "q", "payload": {"data": {"version": "0.1.0", "health": True}}},
        {"type": "complete", "id": "q"},
    ]


def test_subscription_goes_on_until_completed(admin: str) -> None:
    async def talk() -> list[Any]:
        async with Talk(admin) as socket:
            await socket.start()
            await socket.follow()
            publish()
            publish(organization_id=2)
            heard = [await socket.hear(), await socket.is_silent()]
            await socket.say({"id": "1", "type": "complete"})
            await asyncio.sleep(0.05)
            publish()
            return [*heard, await socket.is_silent(), dict(hub._audiences)]

    assert drive(talk()) == [NEXT, True, True, {}]


def test_leaving_lets_go_of_every_subscription(admin: str) -> None:
    async def talk() -> Any:
        async with Talk(admin) as socket:
            await socket.start()
            await socket.follow(identifier="1")
            await socket.follow(identifier="2")
            (audience,) = hub._audiences.values()
            before = sum(map(len, audience.values()))
        await asyncio.sleep(0.05)
        return [before, dict(hub._audiences)]

    assert drive(talk()) == [2, {}]


def test_subscription_without_its_permission_is_an_error(tokens: KnownTokens) -> None:
    tokens.identities["viewer"] = make_identity(role=Role.VIEWER)

    async def talk() -> Any:
        async with Talk("viewer") as socket:
            await socket.start()
            await socket.say(operation(FOLLOW))
            return await socket.hear()

    answer = drive(talk())
    assert (answer["type"], answer["id"]) == ("error", "1")
    assert [error["extensions"]["code"] for error in answer["payload"]] == ["DENIED"]
    assert answer["payload"][0]["extensions"]["error"] == "permission_denied"


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"query": "{"}, "syntax_error"),
        ({"query": "{ nothing }"}, "validation_error"),
        ({"query": "{" + "a" * 5 + "{b" * 80}, "too_complex"),
        (
            {"query": "subscription { auditEvents { topic } jobProgress { topic } }"},
            "validation_error",
        ),
        ({"query": " "}, "validation_error"),
        ({"query": "{ version }", "variables": []}, "validation_error"),
        ({}, "validation_error"),
        (None, "malformed_request"),
    ],
)
def test_operation_that_cannot_run_is_an_error_of_its_own(
    admin: str, payload: Any, error: str
) -> None:
    async def talk() -> list[Any]:
        async with Talk(admin) as socket:
            await socket.start()
            await socket.say({"id": "1", "type": "subscribe", "payload": payload})
            answer = await socket.hear()
            await socket.say({"type": "ping", "payload": {"a": 1}})
            return [answer, await socket.hear()]

    answer, pong = drive(talk())
    assert (answer["type"], answer["id"]) == ("error", "1")
    assert [one["extensions"]["error"] for one in answer["payload"]] == [error]
    assert pong == {"type": "pong", "payload": {"a": 1}}


def test_id_in_use_ends_the_socket(admin: str) -> None:
    async def talk() -> Any:
        async with Talk(admin) as socket:
            await socket.start()
            await socket.follow()
            await socket.say(operation(FOLLOW))
            return await socket.hear()

    assert drive(talk()) == 4409


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        '"text"',
        {"type": "dance"},
        {"id": "1"},
        {"type": "subscribe", "payload": {"query": "{ version }"}},
        {"type": "subscribe", "id": "", "payload": {"query": "{ version }"}},
        {"type": "subscribe", "id": 1, "payload": {"query": "{ version }"}},
    ],
)
def test_message_outside_the_protocol_ends_the_socket(admin: str, frame: Any) -> None:
    async def talk() -> Any:
        async with Talk(admin) as socket:
            await socket.start()
            await socket.say(frame)
            return await socket.hear()

    assert drive(talk()) == 4400


def test_operations_of_a_socket_are_bounded(
    tokens: KnownTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.core.ws.base.BURST", 1000)
    tokens.identities["admin"] = make_identity(limits={"default": parse_rate("1000/m")})

    async def talk() -> list[Any]:
        async with Talk("admin") as socket:
            await socket.start()
            for number in range(MAX_OPERATIONS):
                await socket.say(operation(FOLLOW, str(number)))
            await socket.say(operation(FOLLOW, "one more"))
            answer = await socket.hear()
            return [answer["type"], answer["id"], answer["payload"][0]["extensions"]["error"]]

    assert drive(talk()) == ["error", "one more", "too_many_operations"]


def test_root_fields_count_as_calls(tokens: KnownTokens) -> None:
    tokens.identities["few"] = make_identity(limits={"default": parse_rate("3/m")})

    async def talk() -> list[Any]:
        async with Talk("few") as socket:
            await socket.start()
            await socket.say(operation("{ a: version b: version }", "1"))
            first = await socket.hear()
            await socket.hear()
            await socket.say(operation("{ version }", "2"))
            second = await socket.hear()
            return [first["type"], second["payload"][0]["extensions"]["code"]]

    assert drive(talk()) == ["next", "LIMITED"]


def test_revoked_key_ends_the_socket(tokens: KnownTokens, admin: str) -> None:
    async def talk() -> list[Any]:
        async with Talk(admin) as socket:
            await socket.start()
            await socket.follow()
            del tokens.identities[admin]
            _tell("identity:org_1")
            code = await socket.hear()
            publish()
            return [code, await socket.is_silent()]

    assert drive(talk()) == [4401, True]


def test_demoted_member_loses_the_socket(tokens: KnownTokens, admin: str) -> None:
    async def talk() -> Any:
        async with Talk(admin) as socket:
            await socket.start()
            await socket.follow()
            tokens.identities[admin] = make_identity(role=Role.VIEWER)
            _tell("identity:org_1")
            return await socket.hear()

    assert drive(talk()) == 4401
