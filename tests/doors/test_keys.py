"""REST: API keys."""

from __future__ import annotations

from apps.core.actor import Role
from apps.keys.permissions import KeyPermission
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.keys import make_key

NEW = {
    "name": "ci",
    "role": "viewer",
    "limits": {"default": "50/m"},
    "addresses": ["192.0.2.0/24"],
    "models": ["gpt"],
    "budget": {"amount": 5.0, "period": "day"},
    "cache_seconds": 60,
    "approver": False,
    "prefix": "ltb_",
    "expires_at": "2099-01-01T00:00:00Z",
}


class TestKeys(RestDoor):
    calls = (
        Listing("GET", "/api/v1/keys", KeyPermission.VIEW),
        Call(
            "POST",
            "/api/v1/keys",
            KeyPermission.CREATE,
            body=NEW,
            status=201,
            secrets=("key",),
            wrong={
                "name": ["", " ", "a" * 256, "a\u202eb", "a\nb"],
                "role": ["", "owner", "ADMIN"],
                "limits": [{"default": "fast"}, {"default": 7}, {"nobody": "5/m"}],
                "addresses": [["nowhere"], [7], ["10.0.0.1/99"]],
                "models": [[7], [""]],
                "budget": [{}, {"amount": -1, "period": "day"}, {"amount": 1, "period": "era"}],
                "cache_seconds": [-1, 30 * 86_400 + 1],
                "prefix": ["sk-", ""],
                "expires_at": ["tomorrow", "2001-01-01T00:00:00Z", ""],
            },
        ),
        Call("GET", "/api/v1/keys/{id}", KeyPermission.VIEW),
        Call(
            "PATCH",
            "/api/v1/keys/{id}",
            KeyPermission.MANAGE,
            body={name: NEW[name] for name in ("name", "limits", "addresses", "expires_at")},
            has_revision=True,
        ),
        Call("DELETE", "/api/v1/keys/{id}", KeyPermission.MANAGE, status=204),
        Call(
            "POST",
            "/api/v1/keys/{id}/rotate",
            KeyPermission.MANAGE,
            body={"grace_seconds": 60},
            secrets=("key",),
            wrong={"grace_seconds": [-1, 10**12]},
        ),
    )

    def make(self, place: Place) -> str:
        return str(make_key(place.admin, Role.VIEWER).key.public_id)
