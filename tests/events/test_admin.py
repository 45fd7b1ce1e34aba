"""The trail in the admin: every organization's, to read."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client

from apps.events.models import AuditEntry
from apps.tenants.models import Organization
from tests.factories.events import make_entry
from tests.factories.tenants import make_user

pytestmark = pytest.mark.integration

LIST = "/admin/events/auditentry/"


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


def test_list_shows_every_organization_s_entries(
    operator: Client, organization: Organization, other: Organization
) -> None:
    make_entry(organization, topic="keys.key.created")
    make_entry(other, topic="keys.key.revoked")

    page = operator.get(LIST)

    assert page.status_code == 200
    assert [b"keys.key.created" in page.content, b"keys.key.revoked" in page.content] == [
        True,
        True,
    ]


def test_entry_is_shown_without_a_way_to_change_it(
    operator: Client, organization: Organization
) -> None:
    entry = make_entry(organization)

    page = operator.get(f"{LIST}{entry.pk}/change/")

    assert page.status_code == 200
    assert entry.action.encode() in page.content
    assert b'name="_save"' not in page.content


@pytest.mark.parametrize("path", ["add/", "{pk}/delete/"])
def test_nobody_adds_or_deletes(operator: Client, organization: Organization, path: str) -> None:
    entry = make_entry(organization)

    answer = operator.post(LIST + path.format(pk=entry.pk), {"post": "yes"})

    assert answer.status_code == 403
    assert AuditEntry.objects.count() == 1


def test_nobody_changes(operator: Client, organization: Organization) -> None:
    entry = make_entry(organization)

    answer = operator.post(f"{LIST}{entry.pk}/change/", {"action": "x"})

    entry.refresh_from_db()
    assert (answer.status_code, entry.action) == (403, "keys.key.created")


def test_delete_is_no_action_of_the_list(operator: Client, organization: Organization) -> None:
    make_entry(organization)

    page = operator.get(LIST)

    assert b"delete_selected" not in page.content
    assert AuditEntry in admin.site._registry
