"""News of changes: at once in the process that made them, at its next poll in every other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from apps.core import changes
from apps.core.changes import announce_change, are_caches_trusted, on_change, poll_changes
from apps.core.models import ChangeMark


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a listener for `identity:` heard."""
    monkeypatch.setattr(changes, "_listeners", [])
    changes.forget_polls()
    scopes: list[str] = []
    on_change("identity:", scopes.append)
    yield scopes
    changes.forget_polls()


def announce_elsewhere(scope: str) -> None:
    """As another process would: the mark, and no word to the listeners here."""
    listeners, changes._listeners = changes._listeners, []
    with transaction.atomic():
        announce_change(scope)
    changes._listeners = listeners


@pytest.mark.django_db(transaction=True)
def test_the_process_that_changed_hears_at_commit(heard: list[str]) -> None:
    with transaction.atomic():
        announce_change("identity:org_1")
        announce_change("routes:org_1")
        before = list(heard)

    assert (before, heard) == ([], ["identity:org_1"])


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_no_news(heard: list[str]) -> None:
    poll_changes()
    heard.clear()
    with transaction.atomic():
        announce_change("identity:org_1")
        transaction.set_rollback(True)

    poll_changes()

    assert (heard, ChangeMark.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
def test_another_process_hears_at_its_next_poll(heard: list[str]) -> None:
    poll_changes()
    heard.clear()
    announce_elsewhere("identity:org_1")
    announce_elsewhere("identity:org_2")
    announce_elsewhere("identity:org_1")

    poll_changes()
    poll_changes()

    assert heard == ["identity:org_2", "identity:org_1"]


@pytest.mark.django_db(transaction=True)
def test_the_first_poll_forgets_everything(heard: list[str]) -> None:
    announce_elsewhere("identity:org_1")

    poll_changes()

    assert heard == ["identity:"]


@pytest.mark.django_db(transaction=True)
def test_a_counter_that_went_back_forgets_everything(heard: list[str]) -> None:
    """A backup was restored: nothing remembered from the future may be believed."""
    for _ in range(3):
        announce_elsewhere("identity:org_1")
    poll_changes()
    heard.clear()
    ChangeMark.objects.all().delete()
    announce_elsewhere("identity:org_2")

    poll_changes()

    assert heard == ["identity:"]


@pytest.mark.django_db
def test_a_quiet_poll_is_one_query(heard: list[str], django_assert_num_queries: Any) -> None:
    announce_change("identity:org_1")
    poll_changes()

    with django_assert_num_queries(1):
        poll_changes()


@pytest.mark.django_db
def test_a_scope_keeps_one_row(heard: list[str]) -> None:
    for _ in range(3):
        announce_change("identity:org_1")

    assert dict(ChangeMark.objects.values_list("scope", "number")) == {"": 3, "identity:org_1": 3}


@pytest.mark.django_db
def test_caches_are_trusted_for_a_while_after_a_poll(
    heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(changes, "monotonic", lambda: now)
    trusted = [are_caches_trusted()]

    poll_changes()
    trusted.append(are_caches_trusted())
    now += changes.TRUST_SECONDS - 0.1
    trusted.append(are_caches_trusted())
    now += 0.2
    trusted.append(are_caches_trusted())

    assert trusted == [False, True, True, False]


@pytest.mark.django_db
def test_a_listener_hears_its_prefix_alone(heard: list[str]) -> None:
    everything: list[str] = []
    on_change("", everything.append)

    changes._tell("routes:org_1")

    assert (heard, everything) == ([], ["routes:org_1"])
