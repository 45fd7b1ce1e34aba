"""The page of usage: its numbers, its question in the address, its charts and the table behind them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.console.views.usage import read_question
from apps.core.errors import Invalid
from tests.factories.console import page, row_labels
from tests.factories.usage import make_usage

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
NOW = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)


def stats(answer):
    found = re.findall(
        r'class="stat__label">(.*?)</div>\s*<div class="stat__value">(.*?)<', page(answer)
    )
    return {re.sub(r"<.*?>", "", label): value for label, value in found}


def charts(answer):
    """Title → series by label."""
    found = re.findall(r'aria-label="([^"]+)" data-chart="(.*?)" data-unit', answer.body.decode())
    return {
        title: {
            one["label"]: one["values"] for one in json.loads(data.replace("&quot;", '"'))["series"]
        }
        for title, data in found
    }


@pytest.fixture
def calls(organization, stranger):
    now = timezone.now()
    make_usage(organization, at=now, model="fast", key="key_a", key_name="ci", cost_nano=2 * 10**9)
    make_usage(organization, at=now, model="fast", status="error", cost_nano=0, duration_ms=4000)
    make_usage(
        organization,
        at=now - timedelta(days=3),
        model="slow",
        cost_nano=5 * 10**8,
        first_token_ms=50.0,
        is_stream=True,
    )
    make_usage(organization, at=now - timedelta(days=40), model="old")
    make_usage(stranger.organization, at=now, model="theirs", cost_nano=9 * 10**9)


def test_nothing_was_called(at_viewer, organization):
    answer = at_viewer.get("/console/usage")

    assert "No call in this time" in page(answer)
    assert charts(answer) == {}


def test_totals_and_rows_are_ours_of_thirty_days(at_viewer, calls):
    answer = at_viewer.get("/console/usage")

    assert stats(answer)["Calls"] == "3"
    assert stats(answer)["Cost"] == "$2.50"
    assert stats(answer)["Tokens"] == "45"
    assert stats(answer)["Errors"] == "33 %"
    assert row_labels(answer) == ["fast", "slow"]
    assert "1 of 3 calls" in page(answer)


def test_charts_have_a_point_for_each_day(at_viewer, calls):
    drawn = charts(at_viewer.get("/console/usage"))

    assert list(drawn) == ["Calls", "Cost", "Tokens", "Errors", "Duration", "First token"]
    assert len(drawn["Calls"]["All"]) == 30
    assert [drawn["Calls"]["All"][day] for day in (-1, -2, -4)] == [2, 0, 1]
    assert drawn["Cost"]["All"][-1] == 2.0
    assert drawn["First token"]["p95"][-1] is None
    assert drawn["First token"]["p95"][-4] == pytest.approx(50, rel=0.02)


def test_charts_are_split_by_group(at_viewer, calls):
    drawn = charts(at_viewer.get("/console/usage?group=model"))

    assert {label: sum(values) for label, values in drawn["Calls"].items()} == {
        "fast": 2,
        "slow": 1,
    }
    assert list(drawn["Duration, p95"]) == ["fast", "slow"]


def test_smallest_groups_share_a_line(at_viewer, organization):
    for number in range(6):
        for _ in range(6 - number):
            make_usage(organization, at=timezone.now(), model=f"m{number}")

    drawn = charts(at_viewer.get("/console/usage?group=model"))

    assert {label: sum(values) for label, values in drawn["Calls"].items()} == {
        "m0": 6,
        "m1": 5,
        "m2": 4,
        "3 others": 6,
    }


@pytest.mark.parametrize(
    ("query", "labels", "count"),
    [
        ("model=slow", ["slow"], "1"),
        ("key=key_a&group=provider", ["prov"], "3"),
        ("window=24h", ["fast"], "2"),
        ("window=90d", ["fast", "old", "slow"], "4"),
        ("ordering=-cost", ["fast", "slow"], "3"),
        ("ordering=requests", ["slow", "fast"], "3"),
        ("provider=nobody", [], "0"),
    ],
)
def test_the_address_holds_the_question(query, labels, count, at_viewer, calls):
    answer = at_viewer.get(f"/console/usage?{query}")

    assert (row_labels(answer), stats(answer)["Calls"]) == (labels, count)


def test_keys_are_told_by_name_and_lead_to_their_calls(at_viewer, organization):
    make_usage(organization, at=timezone.now(), key="key_ab", key_name="ci-main")

    html = page(at_viewer.get("/console/usage?group=key"))

    assert '<a href="/console/requests?key=key_ab" data-row-link>ci-main</a>' in html
    assert '<option value="key_ab">ci-main</option>' in html


def test_export_and_samples_ask_the_same(at_viewer, calls):
    html = page(at_viewer.get("/console/usage?window=24h&group=model&model=fast"))

    export = re.findall(r'href="(/api/v1/usage/export\?[^"]*)" download', html)[0]
    assert "group_by=hour%2Cmodel&from=" in export
    assert export.endswith("&model=fast")
    answer = at_viewer.get(export)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.body.decode().splitlines()[1].split(",")[1:4] == ["fast", "2", "1"]
    assert "/api/v1/usage?group_by=hour,model&from=" in html


@pytest.mark.parametrize("query", ["window=9d", "group=day", "by=minute", "from=yesterday"])
def test_what_nobody_offered_is_refused(query, at_viewer, organization):
    assert at_viewer.get(f"/console/usage?{query}").status == 422


@pytest.mark.parametrize(
    ("query", "step", "begins", "window"),
    [
        ({}, "day", "2026-03-02T00", "Last 30 days"),
        ({"window": "24h"}, "hour", "2026-03-30T13", "Last 24 hours"),
        ({"window": "7d", "by": "hour"}, "hour", "2026-03-25T00", "Last 7 days"),
        ({"window": "90d", "by": "hour"}, "day", "2026-01-01T00", "Last 90 days"),
        (
            {"from": "2026-03-30", "to": "2026-03-30"},
            "hour",
            "2026-03-30T00",
            "2026-03-30 – 2026-03-30",
        ),
        ({"from": "2026-03-01"}, "day", "2026-03-01T00", "2026-03-01 – …"),
    ],
)
def test_step_and_beginning_fit_the_window(query, step, begins, window):
    question = read_question(query, NOW)

    told = question.asked.begins.isoformat()[:13]
    assert (question.step, told, question.window) == (step, begins, window)


def test_an_end_without_a_beginning_is_asked_for_thirty_days():
    question = read_question({"to": "2026-03-10"}, NOW)

    assert question.asked.ends - question.asked.begins == timedelta(days=30)


def test_read_question_names_the_field():
    with pytest.raises(Invalid) as raised:
        read_question({"by": "week"}, NOW)

    assert raised.value.fields[0].field == "by"
