"""REST: webhooks and their deliveries."""

from __future__ import annotations

from typing import Any

from apps.events.permissions import EventsPermission
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.webhooks import make_delivery, make_webhook

VIEW, MANAGE = EventsPermission.WEBHOOK_VIEW, EventsPermission.WEBHOOK_MANAGE
NEW = {
    "url": "https://receiver.example.com/hook",
    "topics": ["job.*"],
    "description": "CI",
}
WRONG: dict[str, list[Any]] = {
    "url": ["", "nope", "http://127.0.0.1/", "http://[::1]/", "ftp://example.com/", "a" * 2001],
    "topics": [[], [7], [""], ["nobody.*"], ["Job"], ["*"] * 51],
    "description": ["a" * 256, "a\u202eb"],
}


class TestWebhooks(RestDoor):
    calls = (
        Listing("GET", "/api/v1/webhooks", VIEW),
        Call(
            "POST",
            "/api/v1/webhooks",
            MANAGE,
            body=NEW,
            status=201,
            secrets=("secret",),
            wrong=WRONG,
        ),
        Call("GET", "/api/v1/webhooks/callback-secret", MANAGE),
        Call("GET", "/api/v1/webhooks/callbacks", VIEW),
        Call("GET", "/api/v1/webhooks/{id}", VIEW),
        Call(
            "PATCH",
            "/api/v1/webhooks/{id}",
            MANAGE,
            body={**NEW, "enabled": True},
            has_revision=True,
            wrong=WRONG,
        ),
        Call("DELETE", "/api/v1/webhooks/{id}", MANAGE, status=204),
        Call(
            "POST",
            "/api/v1/webhooks/{id}/rotate-secret",
            MANAGE,
            body={"grace_seconds": 60},
            secrets=("secret",),
            wrong={"grace_seconds": [-1, 10**12]},
        ),
        Call("POST", "/api/v1/webhooks/{id}/test", MANAGE, status=202),
        Call("GET", "/api/v1/webhooks/{id}/deliveries", VIEW),
    )

    def make(self, place: Place) -> str:
        return str(make_webhook(place.organization).public_id)


class TestDeliveries(RestDoor):
    calls = (
        Call("GET", "/api/v1/webhooks/deliveries/{id}", VIEW),
        Call("POST", "/api/v1/webhooks/deliveries/{id}/replay", MANAGE, status=202),
    )

    def make(self, place: Place) -> str:
        webhook = make_webhook(place.organization)
        return str(make_delivery(webhook, state="failed").public_id)
