"""Captured calls, straight into the table."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from apps.core.tenancy import organization_scope
from apps.providers.models import Capture
from apps.tenants.models import Organization

_numbers = count(1)


def make_capture(organization: Organization, **values: Any) -> Capture:
    number, now = next(_numbers), timezone.now()
    given = {
        "record": f"made.1.{number}",
        "request_id": f"req_{number}",
        "model": "fast",
        "status": "ok",
        "request": {"messages": []},
        "at": now,
        "expires_at": now + timedelta(days=1),
        **values,
    }
    with organization_scope(organization.pk):
        return Capture.objects.create(organization=organization, **given)
