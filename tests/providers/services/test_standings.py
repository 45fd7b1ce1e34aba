"""Where budgets stand: spent by the rows, held by calls under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.utils import timezone

from apps.core.actor import SpendingBound
from apps.core.errors import PermissionDenied
from apps.providers.domain.budgets import Amount
from apps.providers.errors import LedgerRebuilding
from apps.providers.ledger.factory import set_ledger
from apps.providers.ledger.memory import MemoryLedger
from apps.providers.ledger.protocol import Ask
from apps.providers.services import standings
from tests.factories.usage import make_budget, make_usage

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def ledger() -> Iterator[MemoryLedger]:
    ledger = MemoryLedger()
    before = set_ledger(ledger)
    yield ledger
    set_ledger(before)


def test_of_budgets_tells_spent_held_and_left(actor, organization, other, ledger):
    make_usage(organization, at=timezone.now(), cost_nano=4_000_000_000)
    make_usage(other, at=timezone.now(), cost_nano=9_000_000_000)
    budget = make_budget(organization, amount="25", tokens=None)
    everybody = make_budget(organization, scope="end_user", subject="*", period="day", amount="1")
    bound = standings.of_budgets(actor=actor, budgets=[budget])[budget.public_id].bound
    ask = Ask(organization.pk, bounds=[bound], most=Amount(1_000_000_000, 10), likely=Amount(1))
    asyncio.run(ledger.reserve(ask))

    found = standings.of_budgets(actor=actor, budgets=[budget, everybody])

    assert list(found) == [budget.public_id]
    standing = found[budget.public_id]
    assert (standing.spent, standing.held) == (Amount(4_000_000_000, 15), Amount(1_000_000_000, 10))
    assert standing.left == (20_000_000_000, None)


def test_of_key_tells_of_the_keys_own_budget(actor, organization):
    make_usage(organization, key="key_mine", at=timezone.now(), cost_nano=3)
    make_usage(organization, key="key_other", at=timezone.now(), cost_nano=5)

    standing = standings.of_key(
        actor=actor, key_id="key_mine", own=SpendingBound("day", nano=10, tokens=100)
    )

    assert (standing.spent, standing.left) == (Amount(3, 15), (7, 85))


def test_rows_answer_while_the_ledger_is_rebuilt(actor, organization, ledger, monkeypatch):
    make_usage(organization, at=timezone.now(), cost_nano=7)
    budget = make_budget(organization, amount="25")

    def refuse(*_: object) -> None:
        raise LedgerRebuilding

    monkeypatch.setattr(ledger, "peek_now", refuse)

    standing = standings.of_budgets(actor=actor, budgets=[budget])[budget.public_id]

    assert (standing.spent, standing.held) == (Amount(7, 15), Amount())


def test_of_budgets_asks_for_the_permission(actor):
    nobody = replace(actor, identity=replace(actor.identity, permissions=frozenset()))

    with pytest.raises(PermissionDenied):
        standings.of_budgets(actor=nobody, budgets=[])
