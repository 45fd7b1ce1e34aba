"""The trail on its pages: filters, one entry in full, and the way out as JSON lines."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from apps.console.words import FACTS
from apps.keys import topics as key_topics
from apps.tenants import topics as tenant_topics
from tests.factories.console import page, row_labels, title
from tests.factories.events import make_entry
from tests.factories.tenants import actor_of


@pytest.mark.parametrize("topics", [key_topics, tenant_topics])
def test_every_fact_has_words(topics):
    declared = {value for name, value in vars(topics).items() if name.isupper()}

    assert declared - set(FACTS) == set()


def test_index_lists_this_organizations_entries_newest_first(at_admin, organization, stranger):
    make_entry(stranger.organization, topic="keys.key.revoked", object_name="foreign")
    make_entry(organization, topic="keys.key.created")
    make_entry(organization, topic="keys.key.rotated")
    make_entry(organization, topic="later.thing.happened")

    answer = at_admin.get("/console/audit")

    assert row_labels(answer) == ["later.thing.happened", "Key rotated", "Key made"]
    assert "foreign" not in page(answer)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("action=keys.key.created", 1),
        ("action=keys.key.revoked", 0),
        ("actor={actor}", 1),
        ("actor=user_of_nobody", 0),
        ("object=key_7", 1),
        ("object=key_8", 0),
        ("from={today}", 1),
        ("to={today}", 1),
        ("from={today}&to={today}", 1),
        ("to=2020-01-01", 0),
        ("from=9998-01-01", 0),
    ],
)
def test_index_filters(at_admin, admin, organization, query, count):
    actor = actor_of(admin)
    make_entry(organization, topic="keys.key.created", actor=actor, object_id="key_7")
    asked = query.format(actor=admin.user.public_id, today=timezone.now().date())

    answer = at_admin.get(f"/console/audit?{asked}")

    assert len(row_labels(answer)) == count


@pytest.mark.parametrize("query", ["from=yesterday", "to=2026-13-01", "cursor=nonsense"])
def test_index_with_a_senseless_query_is_refused_as_a_page(at_admin, query):
    answer = at_admin.get(f"/console/audit?{query}")

    assert (answer.status, title(answer)) == (422, "That did not work")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_index_takes_the_ends_of_the_calendar(at_admin, organization, day):
    assert at_admin.get(f"/console/audit?from={day}&to={day}").status == 200


def test_index_pages_by_cursor(at_admin, organization):
    for _ in range(51):
        make_entry(organization)

    first = page(at_admin.get("/console/audit"))
    cursor = first.partition("?cursor=")[2].partition('"')[0]

    assert len(row_labels(at_admin.get("/console/audit"))) == 50
    assert len(row_labels(at_admin.get(f"/console/audit?cursor={cursor}"))) == 1


def test_detail_shows_what_changed_and_by_whom(at_admin, organization, admin):
    entry = make_entry(
        organization,
        topic="tenants.member.role_changed",
        actor=actor_of(admin),
        object_name="tom@example.com",
        before={"role": "user", "approver": False, "limits": {"default": "5/m"}},
        after={"role": "viewer", "approver": True, "limits": {"default": "5/m"}},
    )

    text = page(at_admin.get(f"/console/audit/{entry.public_id}"))

    assert "<del>user</del>" in text
    assert "<ins>viewer</ins>" in text
    assert "<del>no</del>" in text
    assert "5/m" not in text
    assert admin.user.name in text
    assert "192.0.2.1" in text


def test_detail_escapes_what_people_wrote(at_admin, organization):
    entry = make_entry(
        organization, object_name="<script>alert(1)</script>", after={"name": "<img onerror=x>"}
    )

    html = at_admin.get(f"/console/audit/{entry.public_id}").body.decode()

    assert "<script>alert" not in html
    assert "<img" not in html


def test_export_works_with_the_browsers_session(at_admin, at_user, organization):
    entry = make_entry(organization)
    link = "/api/v1/audit/export"

    answer = at_admin.get(link)

    assert f'href="{link}"' in page(at_admin.get("/console/audit"))
    assert [json.loads(line)["id"] for line in answer.body.splitlines()] == [entry.public_id]
    assert at_user.get(link).status == 403
