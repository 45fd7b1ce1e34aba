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

    @pytest.mark.parametrize("bound", ["from", "to"])
    @pytest.mark.parametrize(
        ("moment", "status"),
        [
            ("2026-01-15T10:30:00Z", 200),
            ("2026-01-15", 200),
            ("0124-09-02T13:06:09+20:59", 200),
            ("9999-12-31T23:59:59-23:59", 422),
            ("0001-01-01T00:00:00+05:00", 422),
            ("10000-01-01T00:00:00Z", 422),
            ("yesterday", 422),
            ("", 200),
        ],
    )
    def test_a_moment_is_one_the_database_knows(
        self, bound: str, moment: str, status: int, client: GateClient, ours: Place
    ) -> None:
        answer = client.get("/api/v1/audit", key=ours.key, query={bound: moment})

        assert answer.status == status
        if status == 422:
            assert answer.json()["invalid_fields"] == [bound]

    @pytest.mark.parametrize("name", ["action", "actor", "object"])
    def test_a_filter_for_nonsense_finds_nothing(
        self, name: str, client: GateClient, ours: Place
    ) -> None:
        self.make_in(ours)

        found = client.get("/api/v1/audit", key=ours.key, query={name: "\u0091$\u3a47" * 100})

        assert (found.status, found.json()["data"]) == (200, [])


class TestTopics(RestDoor):
    calls = (Call("GET", "/api/v1/events"), Call("GET", "/api/v1/events/stream"))

    def send(self, client: GateClient, call: Call, place: Place, **changes: Any) -> Answer:
        """A server that drains ends its streams at once."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lifecycle, "is_draining", True)
            return super().send(client, call, place, query={"topic": "audit.events"}, **changes)
