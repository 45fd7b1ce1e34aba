"""From the spool into rows: each call once, whatever is replayed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.core import live
from apps.core.tenancy import unscoped
from apps.providers.domain.budgets import NOTHING, Amount, Bound, Meter, Standing
from apps.providers.enums import BudgetScope, Period
from apps.providers.ledger.factory import set_ledger
from apps.providers.ledger.memory import MemoryLedger
from apps.providers.ledger.protocol import Ask
from apps.providers.models import BudgetSpend, UsageRecord, UsageRollup
from apps.providers.services import sums, usage, usage_rows
from tests.factories.keys import make_key
from tests.factories.tenants import make_admin, make_organization
from tests.factories.usage import AT, make_budget, make_entry, make_records, make_usage
from tests.fakes.recorder import FakeRecorder

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
TOTAL = date(1970, 1, 1)


@pytest.fixture(autouse=True)
def ledger() -> Iterator[MemoryLedger]:
    ledger = MemoryLedger()
    before = set_ledger(ledger)
    yield ledger
    set_ledger(before)


@pytest.fixture(autouse=True)
def _everything() -> Iterator[None]:
    with unscoped(reason="the tests look at every row"):
        yield


def spends() -> set[tuple[object, ...]]:
    names = ("organization_id", "scope", "subject", "period", "begins", "cost_nano", "tokens")
    return set(BudgetSpend.objects.values_list(*names))


def test_drain_writes_a_row_for_each_call():
    organization = make_organization()

    usage.drain_usage(
        make_records(
            make_entry(organization, request_id="req_1", end_user="ann", first_token_ms=12.5),
            make_entry(organization, request_id="req_2", status="error", error_code="timeout"),
        )
    )

    names = ("request_id", "status", "error_code", "end_user", "first_token_ms", "cost_nano", "at")
    assert list(UsageRecord.objects.order_by("pk").values_list(*names)) == [
        ("req_1", "ok", "", "ann", 12.5, 1000, AT),
        ("req_2", "error", "timeout", "", None, 1000, AT),
    ]


def test_drain_counts_a_record_once_however_often_it_is_handed_over():
    organization = make_organization()
    records = make_records(make_entry(organization), make_entry(organization))

    usage.drain_usage(records[:1])
    usage.drain_usage(records)
    usage.drain_usage(records)

    assert UsageRecord.objects.count() == 2
    assert UsageRollup.objects.get().requests == 2
    assert {row[-2:] for row in spends()} == {(2000, 30)}


def test_drain_adds_to_the_sums_of_the_hour():
    organization = make_organization()
    later = AT + timedelta(minutes=29)

    make_usage(organization, duration_ms=100.0, first_token_ms=10.0)
    make_usage(organization, duration_ms=300.0, status="cut", at=later, is_cached=True)
    make_usage(organization, at=AT + timedelta(hours=1))

    rows = list(UsageRollup.objects.order_by("hour"))
    assert [row.hour.hour for row in rows] == [12, 13]
    first = rows[0]
    assert (first.requests, first.errors, first.cached) == (2, 1, 1)
    assert (first.prompt_tokens, first.completion_tokens, first.cost_nano) == (20, 10, 2000)
    assert (sum(first.duration.values()), sum(first.first_token.values())) == (2, 1)


def test_drain_counts_towards_every_period_of_organization_and_key():
    organization = make_organization()

    make_usage(organization, end_user="ann")
    make_usage(organization, key="")

    number = organization.pk
    day, month = AT.date(), date(2026, 3, 1)
    assert spends() == {
        (number, "organization", "", "day", day, 2000, 30),
        (number, "organization", "", "month", month, 2000, 30),
        (number, "organization", "", "total", TOTAL, 2000, 30),
        (number, "key", "key_a", "day", day, 1000, 15),
        (number, "key", "key_a", "month", month, 1000, 15),
        (number, "key", "key_a", "total", TOTAL, 1000, 15),
    }


def test_drain_counts_end_users_that_have_a_budget():
    organization, other = make_organization(), make_organization()
    make_budget(organization, scope="end_user", subject="*", period="day")
    make_budget(organization, scope="end_user", subject="bob", period="total")

    make_usage(organization, end_user="ann")
    make_usage(organization, end_user="bob")
    make_usage(other, end_user="ann")

    assert {row[:4] for row in spends() if row[1] == "end_user"} == {
        (organization.pk, "end_user", "ann", "day"),
        (organization.pk, "end_user", "bob", "day"),
        (organization.pk, "end_user", "bob", "total"),
    }


def test_drain_keeps_organizations_apart():
    ours, theirs = make_organization(), make_organization()

    usage.drain_usage(make_records(make_entry(ours), make_entry(theirs, cost_nano=7)))

    totals = UsageRollup.objects.values_list("organization_id", "cost_nano")
    assert set(totals) == {(ours.pk, 1000), (theirs.pk, 7)}


def test_drain_lets_go_of_calls_of_an_organization_that_is_gone():
    organization, gone = make_organization(), make_organization()
    records = make_records(make_entry(gone), make_entry(organization))
    gone.delete()

    usage.drain_usage(records)

    assert UsageRecord.objects.get().organization_id == organization.pk


def test_drain_takes_names_that_columns_cannot_hold():
    organization = make_organization()

    make_usage(organization, end_user="a\x00b" + "c" * 300, error_code="x" * 61)

    row = UsageRecord.objects.get()
    assert (row.end_user, row.error_code) == ("a\ufffdb" + "c" * 252, "x" * 60)


def test_a_record_that_is_there_already_is_refused_in_djangos_words():
    """On PostgreSQL rows are copied, by the driver itself: what it says is what decides whether a batch waits."""
    entry = make_entry(make_organization())
    usage_rows.insert([("home.1.1", entry)])

    with pytest.raises(IntegrityError), transaction.atomic():
        usage_rows.insert([("home.1.1", entry)])


def test_drain_names_keys_as_they_are_called():
    admin = make_admin()
    issued = make_key(admin, name="Robot")

    make_usage(admin.organization, key=issued.key.public_id)

    assert UsageRecord.objects.get().key_name == "Robot"
    assert UsageRollup.objects.get().key_name == "Robot"


def test_drain_tells_whoever_follows_the_log(monkeypatch: pytest.MonkeyPatch):
    organization, other = make_organization(), make_organization()
    recorder = FakeRecorder(organization.pk)
    monkeypatch.setattr(live, "_recorder", recorder)

    make_usage(other)
    entry = make_usage(organization, cost_nano=1_500_000_000)

    ((topic, number, (row,)),) = recorder.told
    assert (topic, number) == ("request.logs", organization.pk)
    assert (row["type"], row["request_id"], row["cost"]) == ("call", entry.request_id, "1.5")
    assert (row["prompt_tokens"], row["ms"]) == (10, 100.0)


def _reserve(ledger: MemoryLedger, organization: int, meter: Meter) -> str:
    bounds = [Bound(meter, 10_000)]
    ledger.peek_now(organization, bounds)
    ask = Ask(organization, bounds=bounds, most=Amount(5000), likely=Amount(1))
    return asyncio.run(ledger.reserve(ask)).id


def test_drain_settles_what_a_dead_process_reserved(ledger: MemoryLedger):
    organization = make_organization()
    meter = Meter(BudgetScope.KEY, "key_a", Period.DAY, AT.date())
    reservation = _reserve(ledger, organization.pk, meter)

    make_usage(organization, reservation=reservation, epoch=ledger.epoch)

    assert ledger.peek_now(organization.pk, [Bound(meter, 10_000)]) == (
        Standing(Bound(meter, 10_000), Amount(1000, 15), NOTHING),
    )


def test_drain_tells_the_ledger_of_calls_it_never_saw(ledger: MemoryLedger):
    """In flight when the budget was made, and settled in a former life."""
    organization = make_organization()
    meter = Meter(BudgetScope.ORGANIZATION, "", Period.MONTH, date(2026, 3, 1))
    ledger.peek_now(organization.pk, [Bound(meter, 10_000)])

    make_usage(organization, epoch=ledger.epoch)
    make_usage(organization, epoch="1-old", cost_nano=7)

    (standing,) = ledger.peek_now(organization.pk, [Bound(meter, 10_000)])
    assert standing.spent == Amount(1007, 30)


def test_fold_epochs_keeps_the_sums():
    organization = make_organization()
    for epoch in ("1-a", "2-b", "", "9-z"):
        make_usage(organization, epoch=epoch, key="")

    sums.fold_epochs("9-z")
    sums.fold_epochs("")

    rows = BudgetSpend.objects.filter(period="total").values_list("epoch", "cost_nano", "tokens")
    assert set(rows) == {("", 3000, 45), ("9-z", 1000, 15)}


def test_sweep_drops_what_is_kept_no_longer(settings):
    settings.SIGNALBOX_USAGE_RETENTION = timedelta(days=30)
    organization, now = make_organization(), timezone.now()
    make_usage(organization, at=now - timedelta(days=31), key="")
    make_usage(organization, at=now - timedelta(days=29), key="")
    make_usage(organization, at=datetime(2020, 1, 1, tzinfo=UTC), key="")

    usage.sweep_usage()

    assert UsageRecord.objects.count() == 1
    assert UsageRollup.objects.count() == 3
    assert BudgetSpend.objects.filter(begins=date(2020, 1, 1)).count() == 0
    assert BudgetSpend.objects.get(period="total").cost_nano == 3000


def test_drain_keeps_up():
    """Far above what one process answers; the bound is generous, the machine may be busy."""
    organization = make_organization()
    records = make_records(*(make_entry(organization, key=f"key_{n % 20}") for n in range(2000)))

    started = time.perf_counter()
    usage.drain_usage(records)
    rate = len(records) / (time.perf_counter() - started)

    assert rate > 1500
