"""`/api/v1/captures`, behind every door's refusals."""

from __future__ import annotations

from apps.core.tenancy import organization_scope
from apps.providers.models import UsageRecord
from apps.providers.permissions import ProvidersPermission
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.captures import make_capture
from tests.factories.usage import make_usage

VIEW = ProvidersPermission.CAPTURE_VIEW


class TestCaptures(RestDoor):
    calls = (
        Listing("GET", "/api/v1/captures", VIEW),
        Call("GET", "/api/v1/captures/{id}", VIEW),
    )

    def make(self, place: Place) -> str:
        return str(make_capture(place.organization).record)


class TestCapturesOfCalls(RestDoor):
    calls = (Call("GET", "/api/v1/usage/calls/{id}/capture", VIEW),)

    def make(self, place: Place) -> str:
        entry = make_usage(place.organization)
        make_capture(
            place.organization, request_id=entry.request_id, key=entry.key, model=entry.model
        )
        with organization_scope(place.organization.pk):
            return str(UsageRecord.objects.get(request_id=entry.request_id).record)
