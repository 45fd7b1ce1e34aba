from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apps.core.live import Gap, LiveEvent
from apps.core.tenancy import organization_scope
from apps.events.hub import hub
from apps.events.models import OutboxEvent
from apps.events.services import records as module
from apps.events.services.records import Records
from apps.events.worker.readings import Readings
from apps.tenants.models import Organization
from tests.factories.events import make_actor

pytestmark = pytest.mark.integration


class Ear:
    def take(self, event: LiveEvent) -> None: ...

    def miss(self, gap: Gap) -> None: ...


@pytest.fixture
def followed(organization: Organization, settings: Any) -> Any:
    """Both topics are followed in the first organization, on a loop that is not running."""
    actor, ear = make_actor(organization), Ear()
    topics = frozenset({"request.logs", "system.metrics"})

    async def listen() -> None:
        hub.subscribe(actor, topics, ear)

    asyncio.run(listen())
    yield organization
    hub.unsubscribe(actor, topics, ear)


def written(organization: Organization) -> list[tuple[str, str, Any]]:
    with organization_scope(organization.pk):
        return list(OutboxEvent.objects.order_by("id").values_list("topic", "event", "data"))


def test_rows_of_a_followed_topic_are_written(followed: Organization, other: Organization) -> None:
    records = Records()

    records.publish("request.logs", followed.pk, [{"path": "/a"}, {"path": "/b"}])
    records.publish("request.logs", other.pk, [{"path": "/c"}])
    count = records.flush()

    assert (count, written(other)) == (2, [])
    assert written(followed) == [
        ("request.logs", "request.logs.recorded", {"path": "/a"}),
        ("request.logs", "request.logs.recorded", {"path": "/b"}),
    ]


def test_rows_of_a_topic_with_facts_are_refused(followed: Organization) -> None:
    records = Records()

    records.publish("job.progress", followed.pk, [{"n": 1}])

    assert records.flush() == 0


def test_flood_is_sampled_and_counted(
    followed: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, clock = Records(), iter([1.0] * 5 + [2.0])
    monkeypatch.setattr(module, "ROWS_PER_SECOND", 2)
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))

    records.publish("request.logs", followed.pk, [{"n": n} for n in range(5)])
    records.publish("request.logs", followed.pk, [{"n": 5}])
    records.flush()

    assert [row[2] for row in written(followed)] == [{"n": 0}, {"n": 1}, {"n": 5, "left_out": 3}]


def test_interest_of_another_process_counts(followed: Organization) -> None:
    here, there = Records(), Records()
    here.share_interest()
    there.share_interest()

    listeners = make_actor(followed), frozenset({"request.logs", "system.metrics"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "_audiences", {})
        there.publish("request.logs", followed.pk, [{"n": 1}])
        organizations = there.followed("request.logs")

    assert (there.flush(), organizations) == (1, [followed.pk])
    assert listeners[1] == {"request.logs", "system.metrics"}


def test_readings_come_at_once_to_somebody_new_and_then_at_intervals(
    followed: Organization,
) -> None:
    records = Records()
    readings = Readings(records)

    counts = []
    for now in (100.0, 101.0, 105.5):
        readings.take(now)
        counts.append(records.flush())

    (first, second) = written(followed)
    assert (counts, first[:2]) == ([1, 0, 1], ("system.metrics", "system.metrics.read"))
    assert sorted(second[2]) == [
        "cpu_percent",
        "loop_lag_ms",
        "memory_bytes",
        "pool_threads",
        "pool_waiting",
        "process",
        "queue_depth",
        "sockets",
    ]


def test_probe_that_fails_costs_its_own_reading_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> float:
        raise OSError

    probes = {"queue_depth": lambda: 3.0, "broken": fail}
    monkeypatch.setattr("apps.core.live._probes", probes)

    reading = Readings(Records()).read()

    assert (reading["queue_depth"], "broken" in reading) == (3.0, False)
