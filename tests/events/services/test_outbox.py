from __future__ import annotations

import pytest
from django.db import transaction

from apps.core import json
from apps.core.tenancy import ForeignOrganization, organization_scope
from apps.events.models import OutboxEvent
from apps.events.services import outbox
from apps.tenants.models import Organization
from tests.factories.events import AT

pytestmark = pytest.mark.integration

AWKWARD = {
    "tab": "a\tb",
    "lines": "a\r\nb\u2028c",
    "end of COPY": "\\.",
    "backslashes": "\\N \\\\ \\x41",
    "quotes": "\"'",
    "other alphabets": "Grüße, 世界 🎉",
    "numbers": [0.1, -1.5e-7, 2**63 - 1, None, True],
}


def event(organization: Organization, data: object) -> outbox.Event:
    return outbox.Event(organization.pk, "job.progress", "a.b.c", json.dumps(data), AT)


def test_append_keeps_every_character(organization: Organization) -> None:
    with transaction.atomic():
        outbox.append([event(organization, AWKWARD), event(organization, {})])

    first, second = OutboxEvent.objects.order_by("id")
    assert (first.data, second.data) == (AWKWARD, {})
    assert (first.organization_id, first.topic, first.event, first.at) == (
        organization.pk,
        "job.progress",
        "a.b.c",
        AT,
    )
    assert (first.sequence, first.position) == (None, None)


def test_append_refuses_another_organizations_event(
    organization: Organization, other: Organization
) -> None:
    with pytest.raises(ForeignOrganization):
        outbox.append([event(organization, {}), event(other, {})])

    for place in (organization, other):
        with organization_scope(place.pk):
            assert OutboxEvent.objects.count() == 0


def test_append_stands_or_falls_with_its_transaction(organization: Organization) -> None:
    with transaction.atomic():
        outbox.append([event(organization, {})])
        transaction.set_rollback(True)

    assert OutboxEvent.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_append_rings_after_the_commit_and_no_sooner(organization: Organization) -> None:
    outbox.bell.clear()

    with transaction.atomic():
        outbox.append([event(organization, {})])
        rang_before = outbox.bell.is_set()

    assert (rang_before, outbox.bell.is_set()) == (False, True)
