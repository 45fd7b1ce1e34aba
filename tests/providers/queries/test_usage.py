"""Reading usage: the log of calls, one call, what there is to choose from, and sums by fewer groups."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.core.errors import NotFound
from apps.core.tenancy import organization_scope
from apps.providers.domain.usage_table import regroup
from apps.providers.models import UsageRecord
from apps.providers.queries import usage
from tests.factories.usage import AT, make_usage

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
HOUR = {"begins": AT - timedelta(hours=1), "ends": AT + timedelta(hours=1)}


@pytest.fixture(autouse=True)
def _read_anew() -> None:
    usage.forget_kept()


@pytest.mark.parametrize(
    ("wanted", "models"),
    [
        ({}, ["slow", "fast"]),
        ({"model": "fast"}, ["fast"]),
        ({"status": "error"}, ["slow"]),
        ({"key": "key_b", "model": None}, ["slow"]),
        ({"model": "fast\x00"}, []),
    ],
)
def test_calls_are_ours_and_as_wanted(wanted, models, actor, organization, other):
    make_usage(organization, model="fast")
    make_usage(organization, model="slow", status="error", key="key_b")
    make_usage(other, model="fast")

    found = usage.calls(actor=actor, **wanted).order_by("-pk")

    assert [row.model for row in found] == models


def test_call_is_found_by_its_place(actor, organization):
    make_usage(organization, model="fast")
    record = UsageRecord.objects.get().record

    assert usage.call(actor=actor, call_id=record).model == "fast"


@pytest.mark.parametrize("record", ["home.1.nowhere", "\x00"])
def test_call_that_is_not_there(record, actor):
    with pytest.raises(NotFound):
        usage.call(actor=actor, call_id=record)


def test_call_of_another_organization_is_not_there(actor, other):
    make_usage(other)
    with organization_scope(other.pk):
        record = UsageRecord.objects.get().record

    with pytest.raises(NotFound):
        usage.call(actor=actor, call_id=record)


def test_seen_is_what_was_used_in_that_time(actor, organization, other):
    make_usage(organization, model="slow", key="", provider="")
    make_usage(organization, model="fast", key="key_a", key_name="ci", provider="openai")
    make_usage(organization, model="old", at=AT - timedelta(days=2))
    make_usage(other, model="theirs", key="key_t", provider="their")

    found = usage.seen(actor=actor, **HOUR)

    assert found == usage.Seen(("fast", "slow"), {"key_a": "ci"}, ("openai",))


def test_regroup_merges_what_fewer_groups_have_in_common(actor, organization):
    make_usage(organization, model="fast", key="key_a", key_name="ci", duration_ms=100)
    make_usage(organization, model="slow", key="key_a", key_name="ci", duration_ms=900)
    asked = usage.read_asked({"group_by": "day,model,key", "from": AT.isoformat()}, now=AT)
    rows = usage.usage(actor=actor, asked=asked)

    by_day, by_key = regroup(rows, ["day"]), regroup(rows, ["key"])

    assert [(row.group, row.requests) for row in by_day] == [({"day": "2026-03-31"}, 2)]
    assert [row.group for row in by_key] == [{"key": "key_a", "key_name": "ci"}]
    assert by_day[0].duration_ms["p99"] == pytest.approx(900, rel=0.02)
    assert [row.requests for row in rows] == [1, 1]
