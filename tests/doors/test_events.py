"""REST: the audit trail, and live topics by number and as a stream."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.asgi.lifecycle import lifecycle
from apps.events.permissions import EventsPermission
from tests.client import Answer, GateClient
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.events import make_entry


class TestAudit(RestDoor):
    calls = (
        Listing("GET", "/api/v1/audit", EventsPermission.AUDIT_VIEW),
        Call("GET", "/api/v1/audit/{id}", EventsPermission.AUDIT_VIEW),
        Call("GET", "/api/v1/audit/export", EventsPermission.AUDIT_VIEW),
    )

    def make(self, place: Place) -> str:
        return str(make_entry(place.organization).public_id)


class TestTopics(RestDoor):
    calls = (Call("GET", "/api/v1/events"), Call("GET", "/api/v1/events/stream"))

    def send(self, client: GateClient, call: Call, place: Place, **changes: Any) -> Answer:
        """A server that drains ends its streams at once."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lifecycle, "is_draining", True)
            return super().send(client, call, place, query={"topic": "audit.events"}, **changes)
