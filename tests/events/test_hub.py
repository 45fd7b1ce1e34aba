from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

from apps.core.actor import Actor, Role
from apps.core.errors import NotFound, PermissionDenied
from apps.core.live import Gap, LiveEvent
from apps.events import hub as hub_module
from apps.events.hub import Hub
from apps.events.topics import TOPICS
from tests.factories.events import make_actor, make_published

pytestmark = pytest.mark.unit

AUDIT = frozenset({"audit.events"})


class Ear:
    def __init__(self) -> None:
        self.events: list[LiveEvent] = []
        self.gaps: list[Gap] = []

    def take(self, event: LiveEvent) -> None:
        self.events.append(event)

    def miss(self, gap: Gap) -> None:
        self.gaps.append(gap)


def publish(hub: Hub, organization_id: int = 1, n: int = 1) -> None:
    hub.publish([make_published(n, organization_id=organization_id)])


@pytest.fixture
def actor() -> Actor:
    return make_actor()


def test_event_is_encoded_once_for_every_listener(actor: Actor) -> None:
    hub, ears = Hub(), [Ear(), Ear()]

    async def listen() -> None:
        for ear in ears:
            hub.subscribe(actor, AUDIT, ear)
        publish(hub, n=1)
        await asyncio.sleep(0.01)

    asyncio.run(listen())

    (first,), (second,) = (ear.events for ear in ears)
    assert first.frame is second.frame
    assert first.frame == (
        '{"type":"event","topic":"audit.events","seq":1,"event":"a.b.c","data":{"n":1},'
        '"timestamp":"2026-01-15T10:30:00Z"}'
    )


def test_events_published_from_threads_arrive_on_the_loop(actor: Actor) -> None:
    hub, heard_in = Hub(), set[int]()

    class Where(Ear):
        def take(self, event: LiveEvent) -> None:
            super().take(event)
            heard_in.add(threading.get_ident())

    ear = Where()

    async def listen() -> int:
        hub.subscribe(actor, AUDIT, ear)
        await asyncio.gather(*(asyncio.to_thread(publish, hub, n=n) for n in range(20)))
        await asyncio.sleep(0.01)
        return threading.get_ident()

    loop_thread = asyncio.run(listen())

    assert sorted(event.data["n"] for event in ear.events) == list(range(20))
    assert heard_in == {loop_thread}


def test_other_organizations_and_topics_hear_nothing(actor: Actor) -> None:
    hub, ear = Hub(), Ear()

    async def listen() -> None:
        hub.subscribe(actor, frozenset({"job.progress"}), ear)
        hub.subscribe(make_actor(organization_id=2), AUDIT, ear)
        publish(hub, organization_id=1)
        await asyncio.sleep(0.01)

    asyncio.run(listen())

    assert ear.events == []


def test_unsubscribe_leaves_nothing_behind(actor: Actor) -> None:
    hub, ear = Hub(), Ear()

    async def listen() -> None:
        hub.subscribe(actor, AUDIT, ear)
        hub.unsubscribe(actor, AUDIT | {"job.progress"}, ear)
        publish(hub)
        await asyncio.sleep(0.01)

    asyncio.run(listen())

    assert (ear.events, hub._audiences) == ([], {})


def test_publish_forgets_a_loop_that_has_ended(actor: Actor) -> None:
    hub = Hub()

    async def listen() -> None:
        hub.subscribe(actor, AUDIT, Ear())

    asyncio.run(listen())
    publish(hub)

    assert hub._audiences == {}


def test_crowd_is_told_some_at_a_time(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "SLICE_SOCKETS", 4)
    hub, ears = Hub(), [Ear() for _ in range(10)]

    async def listen() -> list[int]:
        for ear in ears:
            hub.subscribe(actor, AUDIT, ear)
        publish(hub)
        told = []
        for _ in range(4):
            await asyncio.sleep(0)
            told.append(sum(len(ear.events) for ear in ears))
        return told

    assert asyncio.run(listen()) == [4, 8, 10, 10]


def test_event_published_while_a_crowd_is_told_comes_after(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "SLICE_SOCKETS", 1)
    hub, ears, late = Hub(), [Ear() for _ in range(3)], Ear()

    async def listen() -> None:
        for ear in ears:
            hub.subscribe(actor, AUDIT, ear)
        publish(hub, n=1)
        await asyncio.sleep(0)
        publish(hub, n=2)
        publish(hub, n=3)
        hub.subscribe(actor, AUDIT, late)
        await asyncio.sleep(0.01)

    asyncio.run(listen())

    assert [[event.data["n"] for event in ear.events] for ear in (*ears, late)] == [
        [1, 2, 3],
        [1, 2, 3],
        [1, 2, 3],
        [2, 3],
    ]


def test_events_of_two_topics_keep_their_order(actor: Actor) -> None:
    hub, ear = Hub(), Ear()
    topics = ["audit.events", "job.progress", "audit.events", "job.progress"]

    async def listen() -> None:
        hub.subscribe(actor, frozenset(topics), ear)
        hub.publish([make_published(n, topic=topic) for n, topic in enumerate(topics, 1)])
        await asyncio.sleep(0.01)

    asyncio.run(listen())

    assert [(event.topic, event.seq) for event in ear.events] == [
        (topic, n) for n, topic in enumerate(topics, 1)
    ]


def test_flood_is_shed_as_one_gap(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_WAITING", 5)
    hub, ear, other = Hub(), Ear(), Ear()

    async def listen() -> None:
        hub.subscribe(actor, AUDIT, ear)
        hub.subscribe(actor, frozenset({"job.progress"}), other)
        hub.publish([make_published(n) for n in range(1, 11)])
        await asyncio.sleep(0.01)
        publish(hub, n=11)
        await asyncio.sleep(0.01)

    asyncio.run(listen())

    assert [event.seq for event in ear.events] == [1, 2, 3, 4, 5, 11]
    assert (ear.gaps, other.gaps) == ([Gap("audit.events", 6, 10)], [])


def test_listener_that_fails_keeps_nothing_from_the_others(actor: Actor) -> None:
    class Broken(Ear):
        def take(self, event: LiveEvent) -> None:
            super().take(event)
            raise ZeroDivisionError

    hub, ears = Hub(), [Broken(), Ear()]

    async def listen() -> None:
        for ear in ears:
            hub.subscribe(actor, AUDIT, ear)
        hub.publish([make_published(n) for n in (1, 2)])
        await asyncio.sleep(0.01)

    asyncio.run(listen())

    assert [len(ear.events) for ear in ears] == [2, 2]


def test_permitted_topics_of_an_admin_are_all() -> None:
    named = Hub().permitted_topics(make_actor(), ["audit.*", "job.progress"])

    assert named == {"audit.events", "job.progress"}


def test_permitted_topics_of_a_viewer_leave_out_the_audit() -> None:
    viewer = make_actor(role=Role.VIEWER)
    hub = Hub()

    assert hub.permitted_topics(viewer, list(set(TOPICS) - AUDIT)) == set(TOPICS) - AUDIT
    with pytest.raises(PermissionDenied, match=r"events\.audit\.view"):
        hub.permitted_topics(viewer, ["audit.*"])


def test_a_key_bound_to_models_does_not_follow_the_predictions_of_all() -> None:
    actor = make_actor()
    bound = replace(actor, identity=replace(actor.identity, models=frozenset({"churn"})))

    assert Hub().permitted_topics(bound, ["job.*"]) == {"job.progress"}
    for pattern in ("prediction.events", "prediction.*"):
        with pytest.raises(PermissionDenied) as refused:
            Hub().permitted_topics(bound, ["job.progress", pattern])
        assert refused.value.message == "A key bound to certain models may not follow all."


@pytest.mark.parametrize(
    "pattern", ["", "*", ".*", "audit", "audit*", "audit.events.*", "AUDIT.EVENTS", "nothing"]
)
def test_permitted_topics_of_an_unknown_name_raises(pattern: str) -> None:
    with pytest.raises(NotFound) as caught:
        Hub().permitted_topics(make_actor(), [pattern])

    assert caught.value.code == "unknown_topic"
