"""The log of calls, and one call."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.providers.models import Capture
from tests.factories.console import page, row_labels, title
from tests.factories.keys import make_key
from tests.factories.usage import make_usage, record_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_empty_log_says_how_to_begin(at_viewer, organization):
    html = page(at_viewer.get("/console/requests"))

    assert "No call yet" in html
    assert "http://testserver/v1/chat/completions" in html


def test_log_shows_ours_newest_first(at_viewer, organization, stranger):
    make_usage(organization, model="first", cost_nano=126_000, duration_ms=2413.0)
    make_usage(organization, model="second", status="refused", error_code="budget_exceeded")
    make_usage(stranger.organization, model="theirs")

    answer = at_viewer.get("/console/requests")

    assert row_labels(answer)[-2:] == ["second", "first"]
    html = page(answer)
    assert 'title="budget_exceeded"><span class="lamp__word">Refused' in html
    assert "$0.000126" in html
    assert "2.41 s" in html
    assert "theirs" not in html


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("model=fast", ["fast"]),
        ("status=error", ["slow"]),
        ("key=key_b", ["slow"]),
        ("provider=other", ["slow"]),
        ("status=cut", []),
    ],
)
def test_log_is_narrowed(query, labels, at_viewer, organization):
    make_usage(organization, model="fast", at=timezone.now())
    make_usage(
        organization, model="slow", status="error", key="key_b", provider="other", at=timezone.now()
    )

    answer = at_viewer.get(f"/console/requests?{query}")

    rows = [label for label in row_labels(answer) if label.strip()]
    assert rows == labels


def test_log_is_followed_with_what_the_script_needs(at_viewer, organization):
    make_usage(organization, key="key_b", at=timezone.now())

    html = page(at_viewer.get("/console/requests?model=fast&key=key_b"))

    assert 'data-topic="request.logs"' in html
    wanted = re.findall(r'data-feed-wanted="(\{.*?\})"', html)[0]
    assert json.loads(wanted) == {"model": "fast", "key_id": "key_b"}
    assert html.count("data-field=") == 9
    assert re.search(r"<template data-feed-row>\s*<tr", html)


def test_older_pages_stand_still(at_viewer, organization):
    for _ in range(51):
        make_usage(organization)
    first = page(at_viewer.get("/console/requests"))
    cursor = re.findall(r'href="(/console/requests\?cursor=[^"]+)"', first)[0]

    answer = at_viewer.get(cursor)

    assert row_labels(answer) == ["fast"]
    assert "data-topic" not in page(answer)


def test_call_shows_all_that_is_known(at_viewer, organization, admin):
    key = make_key(admin, name="ci-main").key
    entry = make_usage(
        organization,
        key=key.public_id,
        status="cut",
        error_code="stream_cut",
        is_stream=True,
        is_estimated=True,
        attempts=2,
        prompt_tokens=512,
        completion_tokens=98,
        cost_nano=2_260_000,
        duration_ms=1200.0,
        first_token_ms=220.0,
        overhead_ms=0.62,
        end_user="ann",
    )

    answer = at_viewer.get(f"/console/requests/{record_of(entry)}")

    html = page(answer)
    assert title(answer) == "fast"
    assert 'lamp__word">Cut short' in html
    assert "<code>stream_cut</code>" in html
    assert "0.6 ms of it here" in html
    assert "then 100 tokens a second" in html
    assert "512 in, 98 out" in html
    assert "$0.00226" in html
    assert f'<a href="/console/keys/{key.public_id}">ci-main</a>' in html
    assert "estimated: the provider told none" in html
    assert "What was said" not in html
    assert f"/api/v1/usage/calls?request_id={entry.request_id}" in html


def test_captured_words_are_for_administrators(at_admin, at_user, organization):
    entry = make_usage(organization)
    record = record_of(entry)
    now = timezone.now()
    Capture.objects.create(
        organization=organization,
        record=record,
        request_id=entry.request_id,
        model="fast",
        key="key_a",
        status="ok",
        request={"messages": [{"role": "user", "content": "Where is <b>it</b>?"}]},
        answer={"text": "There."},
        is_cut=True,
        at=now,
        expires_at=now + timedelta(days=1),
    )

    told = at_admin.get(f"/console/requests/{record}").body.decode()
    hidden = page(at_user.get(f"/console/requests/{record}"))

    assert "Where is &lt;b&gt;it&lt;/b&gt;?" in told
    assert "There." in told
    assert "the end is missing" in told
    assert "What was said" not in hidden
    assert "There." not in hidden
