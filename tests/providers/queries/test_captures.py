"""What was kept of a call: for those who may read it, until it is due to go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.actor import Role
from apps.core.errors import PermissionDenied
from apps.core.tenancy import organization_scope
from apps.providers.models import Capture
from apps.providers.queries import captures
from tests.factories.tenants import actor_of, make_member

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def make_capture(organization: Any, record: str, **values: Any) -> Capture:
    now = timezone.now()
    given = {
        "request_id": "req_1",
        "model": "fast",
        "status": "ok",
        "request": {"messages": []},
        "at": now,
        "expires_at": now + timedelta(days=1),
        **values,
    }
    with organization_scope(organization.pk):
        return Capture.objects.create(organization=organization, record=record, **given)


def test_capture_is_found_by_the_calls_place(actor, organization, other):
    ours = make_capture(organization, "home.1.1")
    make_capture(other, "home.1.2")
    make_capture(organization, "home.1.3", expires_at=timezone.now())

    found = [captures.capture_of(actor=actor, record=f"home.1.{n}") for n in (1, 2, 3, 4)]

    assert found == [ours, None, None, None]


def test_capture_is_for_administrators(organization):
    with pytest.raises(PermissionDenied):
        captures.capture_of(actor=actor_of(make_member(organization, Role.USER)), record="home.1.1")
