"""REST: the audit trail."""

from __future__ import annotations

from apps.events.permissions import EventsPermission
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
