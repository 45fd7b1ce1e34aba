"""The one way to announce: to every sink and receiver, within the transaction of the deed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from apps.core import bus
from apps.core.bus import Fact, publish, receives

FACT = Fact("tried.thing.made", 1, None, "thing_1")
taken: list[tuple[str, Fact, bool]] = []


def first_sink(fact: Fact) -> None:
    taken.append(("first", fact, connection.in_atomic_block))


def second_sink(fact: Fact) -> None:
    taken.append(("second", fact, connection.in_atomic_block))


def failing_sink(fact: Fact) -> None:
    raise ZeroDivisionError


@pytest.fixture(autouse=True)
def own_sinks(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.SIGNALBOX_BUS_SINKS = [
        "tests.core.test_bus.first_sink",
        "tests.core.test_bus.second_sink",
    ]
    monkeypatch.setattr(bus, "_receivers", {})
    bus._sinks.cache_clear()
    taken.clear()
    yield
    bus._sinks.cache_clear()


@pytest.mark.django_db
def test_a_fact_goes_to_every_sink_in_order_and_in_the_transaction() -> None:
    publish(FACT)

    assert taken == [("first", FACT, True), ("second", FACT, True)]


@pytest.mark.django_db
def test_a_fact_goes_to_the_receivers_of_its_topic_alone() -> None:
    heard: list[str] = []
    receives("tried.thing.made")(lambda fact: heard.append(f"made {fact.object_id}"))
    receives("tried.thing.made")(lambda fact: heard.append(f"also {fact.object_id}"))
    receives("tried.thing.broken")(lambda fact: heard.append("broken"))

    publish(FACT)

    assert heard == ["made thing_1", "also thing_1"]


def test_receives_leaves_the_function_as_it_is() -> None:
    def receiver(fact: Fact) -> None:
        pass

    assert receives("tried.thing.made")(receiver) is receiver


@pytest.mark.django_db(transaction=True)
def test_a_fact_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"tried\.thing\.made was published outside"):
        publish(FACT)

    assert taken == []


@transaction.atomic
def make_thing() -> None:
    ContentType.objects.create(app_label="tried", model="thing")
    publish(FACT)


@pytest.mark.django_db(transaction=True)
def test_a_sink_that_fails_takes_the_deed_with_it(settings: Any) -> None:
    settings.SIGNALBOX_BUS_SINKS = ["tests.core.test_bus.failing_sink"]
    bus._sinks.cache_clear()

    with pytest.raises(ZeroDivisionError):
        make_thing()

    assert not ContentType.objects.filter(app_label="tried").exists()
