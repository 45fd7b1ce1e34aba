"""The REST door of API keys."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.response import Response

from apps.core.actor import Role
from apps.core.asgi.door import Door
from apps.core.rest.viewsets import HouseViewSet
from apps.keys.permissions import KeyPermission
from apps.keys.queries import keys as queries
from apps.keys.rest import serializers
from apps.keys.services import keys

KEY: dict[str, Any] = {
    "id": "key_5f0c6f2f0d4b4b6c8a3f3d1d1f9b7a10",
    "name": "ci-main",
    "prefix": "ltb_",
    "hint": "x9Qk",
    "role": "service",
    "approver": False,
    "owner": {"id": "user_0b7e8a1c5d2f4e6a9c3b1d8f7e6a5c4d", "name": "Ada"},
    "state": "active",
    "limits": {"default": "100/m"},
    "addresses": [],
    "models": None,
    "budget": None,
    "expires_at": None,
    "last_used_at": None,
    "revoked_at": None,
    "created_at": "2026-01-15T10:30:00Z",
    "revision": 1,
}
ONE = OpenApiExample("A key", KEY, response_only=True)
NEW = OpenApiExample("A new key", {**KEY, "key": "ltb_Zk3…"}, response_only=True)
ASKED = OpenApiExample(
    "For CI",
    {"name": "ci-main", "role": "service", "limits": {"default": "100/m"}},
    request_only=True,
)


class KeyViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(KeyPermission.VIEW),
        "create": Door(KeyPermission.CREATE, secret_fields=("key",)),
        "retrieve": Door(KeyPermission.VIEW),
        "partial_update": Door(KeyPermission.MANAGE),
        "destroy": Door(KeyPermission.MANAGE),
        "rotate": Door(KeyPermission.MANAGE, secret_fields=("key",)),
    }
    serializer_class = serializers.KeySerializer
    filterset_class = serializers.KeyFilter
    ordering_fields = ("name", "role", "created_at", "expires_at", "last_used_at")

    @extend_schema(summary="The organisation's keys", examples=[ONE])
    def list(self, request: Any) -> Response:
        asked = {name: request.query_params.get(name) for name in ("state", "role", "owner", "q")}
        return self.page(
            queries.visible_keys(actor=self.actor, **asked),
            serializers.KeySerializer,
            filterset=serializers.KeyFilter,
            ordering=self.ordering_fields,
        )

    @extend_schema(
        summary="Make a key",
        description="The secret stands in `key`, this once; a replay by `Idempotency-Key` leaves it out.",
        request=serializers.KeyBody,
        responses={201: serializers.NewKeySerializer},
        examples=[ASKED, NEW],
    )
    def create(self, request: Any) -> Response:
        body = self.read(serializers.KeyBody)
        issued = keys.issue_key(actor=self.actor, **body | {"role": Role(body["role"])})
        return self.present(issued.key, serializers.KeySerializer, status=201, key=issued.secret)

    @extend_schema(summary="One key", examples=[ONE])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(queries.key(actor=self.actor, key_id=id), serializers.KeySerializer)

    @extend_schema(
        summary="Change a key's name or terms",
        request=serializers.KeyChangeBody,
        responses=serializers.KeySerializer,
        examples=[ONE],
    )
    def partial_update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        key = keys.update_key(
            actor=self.actor,
            key_id=id,
            expected_revision=self.expected_revision(),
            **self.read(serializers.KeyChangeBody),
        )
        return self.present(key, serializers.KeySerializer)

    @extend_schema(summary="Revoke a key", responses={204: None})
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        keys.revoke_key(actor=self.actor, key_id=id)
        return self.nothing()

    @extend_schema(
        summary="Give a key a new secret",
        description="The old secret works for `grace_seconds` more.",
        request=serializers.RotateBody,
        responses=serializers.NewKeySerializer,
        examples=[NEW],
    )
    def rotate(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        body = self.read(serializers.RotateBody)
        issued = keys.rotate_key(actor=self.actor, key_id=id, **body)
        return self.present(issued.key, serializers.KeySerializer, key=issued.secret)
