"""`/ws` frame by frame, through the real application for sockets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.core.actor import Role
from apps.core.changes import _tell
from apps.core.limits.rates import parse_rate
from apps.core.live import Gap, make_event
from apps.core.ws.base import BURST
from apps.core.ws.frames import MAX_BYTES
from apps.core.ws.registry import MAX_STRANGERS, registry
from apps.events.hub import hub
from tests.factories.doors import KnownTokens, Socket, drive
from tests.factories.events import make_identity, make_published

pytestmark = pytest.mark.integration

SUBSCRIBE = {"type": "subscribe", "topics": ["audit.events"]}
SUBSCRIBED = {"type": "subscribed", "topics": ["audit.events"]}


def publish(organization_id: int = 1, number: int = 1) -> None:
    hub.publish([make_published(number, organization_id=organization_id)])


def event(number: int = 1) -> dict[str, Any]:
    return {
        "type": "event",
        "topic": "audit.events",
        "seq": number,
        "event": "a.b.c",
        "data": {"n": number},
        "timestamp": "2026-01-15T10:30:00Z",
    }


@pytest.fixture
def admin(tokens: KnownTokens) -> str:
    tokens.identities["admin"] = make_identity()
    return "admin"


def test_seed_hello_is_answered(admin: str) -> None:
    async def talk() -> Any:
        async with Socket("/ws", key=admin) as socket:
            await socket.say({"type": "subscribe", "topics": ["benchmark.progress"]})
            return await socket.hear()

    assert drive(talk()) == {"type": "subscribed", "topics": ["benchmark.progress"]}


def test_ping_is_answered(admin: str) -> None:
    async def talk() -> Any:
        async with Socket("/ws", key=admin) as socket:
            await socket.say({"type": "ping"})
            return await socket.hear()

    assert drive(talk()) == {"type": "pong"}


def test_events_come_in_order_until_unsubscribed(admin: str) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as socket:
            await socket.say(SUBSCRIBE)
            heard = [await socket.hear()]
            for number in (1, 2):
                await asyncio.to_thread(publish, 1, number)
            heard += [await socket.hear(), await socket.hear()]
            await socket.say({"type": "unsubscribe", "topics": ["audit.*"]})
            heard.append(await socket.hear())
            publish()
            return [*heard, await socket.is_silent()]

    assert drive(talk()) == [
        SUBSCRIBED,
        event(1),
        event(2),
        {"type": "unsubscribed", "topics": ["audit.*"]},
        True,
    ]


def test_subscribing_twice_sends_each_event_once(admin: str) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as socket:
            await socket.say({"type": "subscribe", "topics": ["audit.*", "audit.events"]})
            await socket.say(SUBSCRIBE)
            await socket.hear()
            await socket.hear()
            publish()
            return [await socket.hear(), await socket.is_silent()]

    assert drive(talk()) == [event(), True]


def test_events_of_another_organization_stay_there(tokens: KnownTokens, admin: str) -> None:
    tokens.identities["other"] = make_identity(organization_id=2, organization="org_2")

    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as ours, Socket("/ws", key="other") as theirs:
            for socket in (ours, theirs):
                await socket.say({"type": "subscribe", "topics": ["audit.*"]})
                await socket.hear()
            publish(organization_id=2)
            return [await theirs.hear(), await ours.is_silent()]

    assert drive(talk()) == [event(), True]


@pytest.mark.parametrize(
    ("frame", "error", "more"),
    [
        ("{", "malformed_request", {}),
        ("[1]", "malformed_request", {}),
        ('{"type": "ping", "type": "ping"}', "malformed_request", {}),
        ('{"type": NaN}', "malformed_request", {}),
        ("[" * 1000, "malformed_request", {}),
        ({"kind": "ping"}, "validation_error", {"type"}),
        ({"type": 5}, "validation_error", {"type"}),
        ({"type": "dance"}, "validation_error", {"type"}),
        ({"type": "subscribe"}, "validation_error", {"topics"}),
        ({"type": "subscribe", "topics": "audit.events"}, "validation_error", {"topics"}),
        ({"type": "subscribe", "topics": []}, "validation_error", {"topics"}),
        ({"type": "subscribe", "topics": [1]}, "validation_error", {"topics"}),
        ({"type": "subscribe", "topics": ["audit.events"] * 101}, "validation_error", {"topics"}),
        ({**SUBSCRIBE, "after": {"audit.events": "x"}}, "validation_error", {"after"}),
        ({**SUBSCRIBE, "after": [1]}, "validation_error", {"after"}),
        ({"type": "auth", "token": "again"}, "already_authenticated", {}),
    ],
)
def test_bad_frame_is_answered_and_the_socket_goes_on(
    admin: str, frame: Any, error: str, more: Any
) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as socket:
            await socket.say(frame)
            answer = await socket.hear()
            await socket.say({"type": "ping"})
            return [answer, await socket.hear()]

    answer, pong = drive(talk())
    assert (answer["type"], answer["error"]) == ("error", error)
    assert {field["field"] for field in answer.get("fields", [])} == set(more)
    assert answer["request_id"].startswith("req_")
    assert pong == {"type": "pong"}


@pytest.mark.parametrize(
    "topic", ["nothing.here", "nothing.*", "*", "", ".*", "audit", "audit.events.*"]
)
def test_unknown_topic_is_named(admin: str, topic: str) -> None:
    async def talk() -> Any:
        async with Socket("/ws", key=admin, x_request_id="call-1") as socket:
            await socket.say({"type": "subscribe", "topics": ["benchmark.progress", topic]})
            return await socket.hear()

    assert drive(talk()) == {
        "type": "error",
        "error": "unknown_topic",
        "message": f"There is no topic {topic!r}.",
        "topic": topic,
        "request_id": "call-1",
    }


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER, Role.SERVICE])
@pytest.mark.parametrize("topic", ["audit.events", "audit.*"])
def test_topic_without_its_permission_is_denied(
    tokens: KnownTokens, role: Role, topic: str
) -> None:
    tokens.identities["plain"] = make_identity(role=role)

    async def talk() -> list[Any]:
        async with Socket("/ws", key="plain", x_request_id="call-1") as socket:
            await socket.say({"type": "subscribe", "topics": [topic]})
            answer = await socket.hear()
            publish()
            return [answer, await socket.is_silent()]

    assert drive(talk()) == [
        {
            "type": "error",
            "error": "permission_denied",
            "message": "This topic needs the permission events.audit.view.",
            "topic": topic,
            "request_id": "call-1",
        },
        True,
    ]


def test_first_frame_may_carry_the_token(admin: str) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws") as socket:
            await socket.say({"type": "auth", "token": admin})
            await socket.say(SUBSCRIBE)
            heard = [await socket.hear()]
            publish()
            return [*heard, await socket.hear()]

    assert drive(talk()) == [SUBSCRIBED, event()]


@pytest.mark.parametrize(
    "frame",
    [
        SUBSCRIBE,
        {"type": "auth", "token": "bad"},
        {"type": "auth"},
        {"type": "auth", "token": "x" * 5000},
    ],
)
def test_stranger_s_frame_ends_the_socket(tokens: KnownTokens, frame: Any) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws") as socket:
            await socket.say(frame)
            answer = await socket.hear()
            return [answer["error"], await socket.hear()]

    assert drive(talk()) == ["unauthenticated", 4401]


def test_silent_stranger_is_sent_away(monkeypatch: pytest.MonkeyPatch, tokens: KnownTokens) -> None:
    monkeypatch.setattr("apps.core.ws.base.HouseConsumer.patience", 0.05)

    async def talk() -> Any:
        async with Socket("/ws") as socket:
            return await socket.hear()

    assert drive(talk()) == 4401


def test_strangers_of_one_address_are_few(tokens: KnownTokens) -> None:
    async def talk() -> list[Any]:
        sockets = [Socket("/ws") for _ in range(MAX_STRANGERS)]
        for socket in sockets:
            await socket.__aenter__()
        async with Socket("/ws") as one_more, Socket("/ws", address="192.0.2.9") as elsewhere:
            heard = [await one_more.hear(), await elsewhere.is_silent()]
        for socket in sockets:
            await socket.disconnect()
        async with Socket("/ws") as later:
            return [*heard, await later.is_silent()]

    assert drive(talk()) == [4429, True, True]


def test_bad_key_in_the_header_ends_the_socket(tokens: KnownTokens) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws", key="bad") as socket:
            answer = await socket.hear()
            return [answer["error"], await socket.hear()]

    assert drive(talk()) == ["unauthenticated", 4401]


def test_two_credentials_end_the_socket(admin: str) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin, x_api_key="another") as socket:
            answer = await socket.hear()
            return [answer["error"], await socket.hear()]

    assert drive(talk()) == ["two_credentials", 4400]


def test_key_in_its_own_header_is_taken(admin: str) -> None:
    async def talk() -> Any:
        async with Socket("/ws", x_api_key=admin) as socket:
            await socket.say(SUBSCRIBE)
            return await socket.hear()

    assert drive(talk()) == SUBSCRIBED


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://testserver",
        "http://testserver:8080",
        "null",
        "http://testserver.evil.example",
    ],
)
def test_session_from_a_foreign_page_gets_no_socket(tokens: KnownTokens, origin: str) -> None:
    tokens.sessions["abc"] = make_identity()

    async def talk() -> Any:
        async with Socket("/ws", cookie="sessionid=abc", origin=origin) as socket:
            return socket.accepted

    assert drive(talk()) is False


def test_session_without_an_origin_gets_no_socket(tokens: KnownTokens) -> None:
    tokens.sessions["abc"] = make_identity()

    async def talk() -> Any:
        async with Socket("/ws", cookie="sessionid=abc") as socket:
            return socket.accepted

    assert drive(talk()) is False


def test_session_from_our_own_page_is_taken(tokens: KnownTokens) -> None:
    tokens.sessions["abc"] = make_identity()

    async def talk() -> Any:
        async with Socket("/ws", cookie="a=b; sessionid=abc", origin="http://testserver") as socket:
            await socket.say(SUBSCRIBE)
            return await socket.hear()

    assert drive(talk()) == SUBSCRIBED


def test_key_from_a_foreign_page_is_taken(admin: str) -> None:
    async def talk() -> Any:
        async with Socket("/ws", key=admin, origin="http://elsewhere.example") as socket:
            await socket.say(SUBSCRIBE)
            return await socket.hear()

    assert drive(talk()) == SUBSCRIBED


def test_unknown_host_gets_no_socket(admin: str) -> None:
    async def talk() -> Any:
        async with Socket("/ws", key=admin, host="evil.example") as socket:
            return socket.accepted

    assert drive(talk()) is False


@pytest.mark.parametrize("path", ["/", "/elsewhere", "/ws/more"])
def test_unknown_path_is_accepted_and_closed(path: str) -> None:
    async def talk() -> list[Any]:
        async with Socket(path) as socket:
            return [socket.accepted, await socket.hear()]

    assert drive(talk()) == [True, 4404]


def test_switched_off_sockets_are_closed(settings: Any, admin: str) -> None:
    settings.SIGNALBOX_ENABLE_WEBSOCKET = False

    async def talk() -> Any:
        async with Socket("/ws", key=admin) as socket:
            return await socket.hear()

    assert drive(talk()) == 4404


def test_revoked_key_ends_its_sockets_and_no_others(tokens: KnownTokens, admin: str) -> None:
    tokens.identities["second"] = make_identity()
    tokens.identities["other"] = make_identity(organization_id=2, organization="org_2")

    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as gone, Socket("/ws", key="second") as stays:
            for socket in (gone, stays):
                await socket.say(SUBSCRIBE)
                await socket.hear()
            del tokens.identities[admin]
            _tell("identity:org_1")
            code = await gone.hear()
            publish()
            return [code, await stays.hear(), await gone.is_silent()]

    assert drive(talk()) == [4401, event(), True]


def test_demoted_member_loses_the_socket_that_follows_too_much(
    tokens: KnownTokens, admin: str
) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as follows, Socket("/ws", key=admin) as idles:
            await follows.say(SUBSCRIBE)
            await follows.hear()
            before = tokens.identities[admin]
            tokens.identities[admin] = make_identity(role=Role.VIEWER, principal=before.principal)
            _tell("identity:org_1")
            code = await follows.hear()
            await idles.say(SUBSCRIBE)
            answer = await idles.hear()
            return [code, answer["error"]]

    assert drive(talk()) == [4401, "permission_denied"]


def test_news_of_another_organization_asks_nobody_again(tokens: KnownTokens, admin: str) -> None:
    async def talk() -> int:
        async with Socket("/ws", key=admin) as socket:
            asked = tokens.asked
            _tell("identity:org_2")
            await socket.is_silent()
            return tokens.asked - asked

    assert drive(talk()) == 0


def test_expired_credential_ends_the_socket(tokens: KnownTokens) -> None:
    soon = datetime.now(UTC) + timedelta(milliseconds=80)
    tokens.identities["short"] = make_identity(expires_at=soon)

    async def talk() -> list[Any]:
        async with Socket("/ws", key="short") as socket:
            await socket.say(SUBSCRIBE)
            return [await socket.hear(), await socket.hear()]

    assert drive(talk()) == [SUBSCRIBED, 4401]


def test_binary_frame_ends_the_socket(admin: str) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as socket:
            await socket.send_to(bytes_data=b"\x00\xff")
            answer = await socket.hear()
            return [answer["error"], await socket.hear()]

    assert drive(talk()) == ["malformed_request", 1003]


def test_huge_frame_ends_the_socket(admin: str) -> None:
    async def talk() -> Any:
        async with Socket("/ws", key=admin) as socket:
            await socket.say("x" * (MAX_BYTES + 1))
            return await socket.hear()

    assert drive(talk()) == 1009


def test_flood_of_frames_ends_the_socket(admin: str) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as socket:
            for _ in range(BURST + 20):
                await socket.say({"type": "ping"})
            heard: list[Any] = []
            while not isinstance(last := await socket.hear(), int):
                heard.append(last)
            return [heard[0], heard[-1]["error"], last]

    assert drive(talk()) == [{"type": "pong"}, "rate_limited", 1008]


def test_slow_reader_is_told_of_the_gap(settings: Any, admin: str) -> None:
    settings.SIGNALBOX_SOCKET_CAPACITY = 8

    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as socket:
            await socket.say(SUBSCRIBE)
            await socket.hear()
            for number in range(1, 51):  # without a pause: nothing can be written in between
                publish(number=number)
            heard = [await socket.hear() for _ in range(9)]
            publish(number=51)
            return [*heard, await socket.hear()]

    assert drive(talk()) == [
        *(event(number) for number in range(1, 9)),
        {"type": "gap", "topic": "audit.events", "from": 9, "to": 50},
        event(51),
    ]


def test_reader_who_stays_behind_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, settings: Any, admin: str
) -> None:
    settings.SIGNALBOX_SOCKET_CAPACITY = 8
    monkeypatch.setattr("apps.core.ws.consumer.STALLED_SECONDS", 0.05)

    async def talk() -> Any:
        hold = asyncio.Event()
        async with Socket("/ws", key=admin) as socket:
            await socket.say(SUBSCRIBE)
            await socket.hear()
            (consumer,) = registry._sockets
            send = consumer.base_send  # type: ignore[attr-defined]  # of the consumer behind it

            async def stuck(message: Any) -> None:
                await hold.wait()
                await send(message)

            consumer.base_send = stuck  # type: ignore[attr-defined]  # as above
            for number in range(1, 51):
                publish(number=number)
            await asyncio.sleep(0.2)
            hold.set()
            while not isinstance(last := await socket.hear(), int):
                pass
            return last

    assert drive(talk()) == 1013


def test_opening_a_socket_counts_as_a_call(tokens: KnownTokens) -> None:
    tokens.identities["few"] = make_identity(limits={"default": parse_rate("2/m")})

    async def talk() -> list[Any]:
        codes: list[Any] = []
        for _ in range(3):
            async with Socket("/ws", key="few") as socket:
                await socket.say({"type": "ping"})
                answer = await socket.hear()
                codes.append(answer.get("error", "fine"))
        return codes

    assert drive(talk()) == ["fine", "fine", "rate_limited"]


def test_gap_of_the_server_is_told_at_once(admin: str) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as socket:
            await socket.say(SUBSCRIBE)
            await socket.hear()
            (consumer,) = registry._sockets
            consumer.miss(Gap("audit.events", 3, 7))  # type: ignore[attr-defined]  # of the consumer behind it
            consumer.miss(Gap("job.progress", 1, 2))  # type: ignore[attr-defined]  # which it does not follow
            publish(number=8)
            return [await socket.hear(), await socket.hear(), await socket.is_silent()]

    gap = {"type": "gap", "topic": "audit.events", "from": 3, "to": 7}
    assert drive(talk()) == [gap, event(8), True]


def test_event_on_its_way_to_one_who_unsubscribes_is_let_go(admin: str) -> None:
    async def talk() -> list[Any]:
        async with Socket("/ws", key=admin) as socket:
            await socket.say(SUBSCRIBE)
            await socket.hear()
            await socket.say({**SUBSCRIBE, "type": "unsubscribe"})
            told = await socket.hear()
            (consumer,) = registry._sockets
            late = make_event(
                topic="audit.events", event="a.b.c", data={}, at=datetime.now(UTC), seq=1
            )
            consumer.take(late)  # type: ignore[attr-defined]  # of the consumer behind it
            return [told["type"], await socket.is_silent()]

    assert drive(talk()) == ["unsubscribed", True]
