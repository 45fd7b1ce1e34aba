from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.core.tenancy import organization_scope, unscoped
from apps.events.models import OutboxEvent, Sequencer, TopicHead
from apps.events.services import sequencer
from apps.tenants.models import Organization
from tests.factories.events import number_pending, write_events
from tests.factories.tenants import make_organization

pytestmark = pytest.mark.integration


def numbers(organization: Organization, topic: str = "job.progress") -> list[int]:
    """The numbers of a topic in the order its events were written."""
    with organization_scope(organization.pk):
        rows = OutboxEvent.objects.filter(topic=topic).order_by("id")
        return [number or 0 for number in rows.values_list("sequence", flat=True)]


def take(holder: str = "one") -> int:
    token = sequencer.take_over(holder=holder)
    assert token is not None
    return token


def test_numbers_run_within_organization_and_topic(
    organization: Organization, other: Organization
) -> None:
    write_events(organization, 2)
    write_events(other, 3)
    write_events(organization, 1, topic="alert.events")
    write_events(organization, 2)

    number_pending()

    assert numbers(organization) == [1, 2, 3, 4]
    assert numbers(organization, "alert.events") == [1]
    assert numbers(other) == [1, 2, 3]
    with unscoped(reason="a test"):
        positions = OutboxEvent.objects.order_by("position").values_list("position", flat=True)
        assert list(positions) == list(range(1, 9))
        heads = TopicHead.objects.values_list("organization_id", "topic", "sequence")
        assert set(heads) == {
            (organization.pk, "job.progress", 4),
            (organization.pk, "alert.events", 1),
            (other.pk, "job.progress", 3),
        }


def test_number_batch_answers_what_it_numbered(organization: Organization) -> None:
    write_events(organization, 1)

    (published,) = sequencer.number_batch(token=take())

    assert (published.organization_id, published.topic) == (organization.pk, "job.progress")
    assert (published.sequence, published.position) == (1, 1)
    assert (published.event, published.data) == ("a.b.c", {"n": 0})


def test_number_batch_takes_a_batch_at_a_time(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "BATCH", 2)
    write_events(organization, 5)
    token = take()

    sizes = [len(sequencer.number_batch(token=token)) for _ in range(4)]

    assert (sizes, numbers(organization)) == ([2, 2, 1, 0], [1, 2, 3, 4, 5])


def test_has_pending_until_all_is_numbered(organization: Organization) -> None:
    assert not sequencer.has_pending()
    write_events(organization, 1)

    assert sequencer.has_pending()
    number_pending()
    assert not sequencer.has_pending()


def test_take_over_leaves_a_running_lease_alone(db: None) -> None:
    take("one")

    assert sequencer.take_over(holder="two") is None


def test_take_over_after_the_lease_fences_the_one_before(organization: Organization) -> None:
    first = take("one")
    later = timezone.now() + timedelta(seconds=10)

    second = sequencer.take_over(holder="two", now=later)

    write_events(organization, 1)
    assert second == first + 1
    with pytest.raises(sequencer.LeaseLost):
        sequencer.number_batch(token=first)
    with pytest.raises(sequencer.LeaseLost):
        sequencer.renew(token=first)
    assert numbers(organization) == [0]
    assert [one.sequence for one in sequencer.number_batch(token=second)] == [1]


def test_give_up_lets_the_next_one_in(db: None) -> None:
    token = take("one")

    sequencer.give_up(token=token)

    assert sequencer.take_over(holder="two") == token + 1


def test_give_up_by_a_fenced_holder_changes_nothing(db: None) -> None:
    first = take("one")
    sequencer.give_up(token=first)
    take("two")

    sequencer.give_up(token=first)

    assert sequencer.take_over(holder="three") is None


def test_renew_keeps_the_lease(db: None) -> None:
    token = take("one")
    Sequencer.objects.update(until=timezone.now())

    sequencer.renew(token=token)

    assert sequencer.take_over(holder="two") is None


@pytest.mark.parametrize("step", ["_heads_of", "_write"])
def test_death_within_a_batch_leaves_neither_hole_nor_repetition(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write_events(organization, 3)
    token = take("one")
    whole = getattr(sequencer, step)

    def die(*given: Any) -> None:
        whole(*given)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(sequencer, step, die)
        with pytest.raises(SystemExit):
            sequencer.number_batch(token=token)
    assert numbers(organization) == [0, 0, 0]
    write_events(organization, 1)
    sequencer.give_up(token=token)
    second = take("two")
    sequencer.number_batch(token=second)

    assert numbers(organization) == [1, 2, 3, 4]


def run_all(
    numberers: list[threading.Thread], writers: list[threading.Thread], done: threading.Event
) -> None:
    for thread in (*numberers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in numberers:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_racing_sequencers_and_writers_leave_neither_hole_nor_repetition() -> None:
    places = [make_organization(slug=f"place-{n}") for n in range(2)]
    done = threading.Event()
    published: list[sequencer.Published] = []

    def write(place: Organization) -> None:
        for _ in range(20):
            write_events(place, 3)
        connection.close()

    def number(holder: str) -> None:
        while not done.is_set() or sequencer.has_pending():
            # Whoever finds the other's lease pretends that it has run out.
            late = timezone.now() + timedelta(seconds=10)
            token = sequencer.take_over(holder=holder, now=late)
            try:
                if token is not None:
                    published.extend(sequencer.number_batch(token=token))
            except sequencer.LeaseLost:
                continue
        connection.close()

    numberers = [threading.Thread(target=number, args=(name,)) for name in ("one", "two")]
    writers = [threading.Thread(target=write, args=(place,)) for place in places for _ in range(2)]
    run_all(numberers, writers, done)

    assert sorted((one.organization_id, one.sequence) for one in published) == [
        (place.pk, number) for place in places for number in range(1, 121)
    ]
    assert sorted(one.position for one in published) == list(range(1, 241))
