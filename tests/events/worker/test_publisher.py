"""The publisher's rounds, one by one: numbering, following, and what happens when something is lost between."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from django.db import OperationalError

from apps.core.live import Gap, LiveEvent
from apps.events.hub import Hub
from apps.events.models import Sequencer
from apps.events.services import sequencer
from apps.events.services.records import Records
from apps.events.worker import publisher as module
from apps.events.worker.publisher import Publisher, _flat, _whole
from apps.tenants.models import Organization
from tests.factories.events import make_actor, make_published, write_events
from tests.factories.tenants import make_organization

pytestmark = pytest.mark.integration


class HeardHub(Hub):
    """A hub with one follower of everything, that delivers without a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[int, str, int]] = []
        self.has_listeners = True

    def channels(self) -> frozenset[tuple[int, str]]:
        return frozenset({(1, "job.progress")}) if self.has_listeners else frozenset()

    def publish(self, published: Any) -> None:
        self.heard += [(one.organization_id, one.topic, one.sequence) for one in published]


class Bridge:
    """What the publisher says to the other processes."""

    def __init__(self) -> None:
        self.told: list[list[int]] = []
        self.rings = 0

    def tell(self, rows: Any) -> None:
        self.told.append([row[0] for row in rows])

    def ring(self) -> None:
        self.rings += 1


def make_publisher(*, bridge: Bridge | None = None) -> tuple[Publisher, HeardHub]:
    hub = HeardHub()
    made = Publisher(hub, Records())
    made._bridge = bridge  # type: ignore[assignment]  # it has the two methods that are used
    made.begin()
    return made, hub


def expected(place: Organization, *numbers: int) -> list[tuple[int, str, int]]:
    return [(place.pk, "job.progress", number) for number in numbers]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Followers look into the table at each round, and for the lease too."""
    monkeypatch.setattr(module, "FOLLOW_SECONDS", 0.0)


def test_turn_takes_the_lease_numbers_and_delivers(organization: Organization) -> None:
    bridge = Bridge()
    publisher, hub = make_publisher(bridge=bridge)
    write_events(organization, 3)

    publisher.turn()

    assert hub.heard == expected(organization, 1, 2, 3)
    assert (bridge.told, bridge.rings, publisher.position) == ([[1, 2, 3]], 0, 3)


def test_what_was_left_behind_is_numbered_before_anybody_listens(
    organization: Organization,
) -> None:
    write_events(organization, 2)

    publisher, hub = make_publisher()
    hub.heard.clear()
    publisher.turn()

    assert (publisher.position, hub.heard) == (2, [])


def test_turn_without_a_ring_finds_what_other_processes_wrote(organization: Organization) -> None:
    publisher, hub = make_publisher()
    publisher.turn()
    write_events(organization, 1)

    publisher.turn(rang=False)

    assert hub.heard == expected(organization, 1)


def test_large_batch_is_told_in_parts(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOLD_ROWS", 2)
    monkeypatch.setattr(sequencer, "BATCH", 3)
    bridge = Bridge()
    publisher, hub = make_publisher(bridge=bridge)
    write_events(organization, 5)

    publisher.turn()

    assert bridge.told == [[1, 2], [3], [4, 5]]
    assert hub.heard == expected(organization, 1, 2, 3, 4, 5)


def test_follower_reads_from_the_table(organization: Organization, patient: None) -> None:
    leader, _ = make_publisher()
    follower, heard = make_publisher()
    leader.turn()
    write_events(organization, 3)
    leader.turn()

    follower.turn()
    follower.turn()

    assert follower.token is None
    assert heard.heard == expected(organization, 1, 2, 3)


def test_follower_without_listeners_only_keeps_its_place(
    organization: Organization, patient: None
) -> None:
    leader, _ = make_publisher()
    follower, hub = make_publisher()
    hub.has_listeners = False
    write_events(organization, 3)
    leader.turn()

    follower.turn()
    hub.has_listeners = True
    write_events(organization, 1)
    leader.turn()
    follower.turn()

    assert hub.heard == expected(organization, 4)


def test_follower_takes_what_it_is_told_and_fills_what_it_is_not(
    organization: Organization,
) -> None:
    leader, _ = make_publisher()
    follower, hub = make_publisher()
    leader.turn()
    follower.turn()
    follower._follow_at = float("inf")  # the net is taken away: only messages and holes count
    write_events(organization, 6)
    token = leader.token
    assert token is not None
    rows = [_flat(one) for one in sequencer.number_batch(token=token)]
    told = [[*row[:-1], row[-1].isoformat()] for row in rows]

    seen = []
    for batch in (told[:2], told[1:3], told[5:], told[3:5]):  # in order, overlapping, a hole, late
        follower._receive(batch)
        follower.turn()
        seen.append(len(hub.heard))

    assert seen == [2, 3, 6, 6]
    assert hub.heard == expected(organization, 1, 2, 3, 4, 5, 6)


def test_follower_rings_for_its_own_commits_and_not_for_others(organization: Organization) -> None:
    bridge = Bridge()
    leader, _ = make_publisher()
    follower, _ = make_publisher(bridge=bridge)
    leader.turn()

    follower.turn()
    follower._hear_ring()
    follower.turn()

    assert bridge.rings == 1


def test_next_one_takes_over_when_the_lease_runs_out(
    organization: Organization, settings: Any, patient: None
) -> None:
    leader, _ = make_publisher()
    follower, hub = make_publisher()
    leader.turn()
    follower.turn()
    write_events(organization, 2)
    Sequencer.objects.update(until="2026-01-01T00:00Z")  # the leader was killed
    follower._seek_at = 0.0

    follower.turn()
    leader.turn()  # it was not dead after all

    assert hub.heard == expected(organization, 1, 2)
    assert (follower.token is not None, leader.token) == (True, None)


def test_one_who_takes_over_tells_first_what_its_predecessor_numbered(
    organization: Organization,
) -> None:
    leader, _ = make_publisher()
    follower, hub = make_publisher()
    leader.turn()
    follower.turn()
    follower._follow_at = float("inf")
    write_events(organization, 2)
    leader.turn()
    write_events(organization, 1)
    leader.release()
    follower._seek_at = 0.0

    follower.turn()

    assert hub.heard == expected(organization, 1, 2, 3)


def test_restored_backup_sets_a_follower_back(organization: Organization, patient: None) -> None:
    leader, _ = make_publisher()
    follower, hub = make_publisher()
    leader.turn()
    follower.position = 100
    write_events(organization, 1)
    leader.turn()
    follower.turn()

    write_events(organization, 1)
    leader.turn()
    follower.turn()

    assert hub.heard == expected(organization, 2)


@pytest.mark.django_db(transaction=True)
def test_thread_publishes_at_the_bell_and_outlives_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = make_organization()
    monkeypatch.setattr(module, "FAILED_PAUSE", 0.01)
    hub, failures = HeardHub(), [OperationalError("away")]
    publisher = Publisher(hub, Records())
    turn = publisher.turn

    def fail_first(**given: Any) -> None:
        if failures:
            raise failures.pop()
        turn(**given)

    monkeypatch.setattr(publisher, "turn", fail_first)
    publisher.begin()
    publisher.start()
    write_events(place, 2)

    deadline = time.monotonic() + 5
    while len(hub.heard) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    publisher.stop()

    assert hub.heard == expected(place, 1, 2)
    assert Sequencer.objects.get().until is None


def test_rows_survive_the_way_between_processes() -> None:
    one = make_published(7, topic="job.progress")
    flat = _flat(one)

    assert _whole([*flat[:-1], flat[-1].isoformat()]) == one


async def test_hub_paces_a_burst() -> None:
    hub = Hub()
    rounds: list[int] = []

    class Ear:
        def take(self, event: LiveEvent) -> None:
            rounds[-1] += 1

        def miss(self, gap: Gap) -> None: ...

    hub.subscribe(make_actor(), frozenset({"audit.events"}), Ear())
    hub.publish([make_published(number) for number in range(1, 101)])
    for _ in range(6):
        rounds.append(0)
        await asyncio.sleep(0)

    assert (max(rounds), sum(rounds)) == (32, 100)
