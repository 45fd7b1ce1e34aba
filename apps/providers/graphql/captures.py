"""Captures in GraphQL: what was kept of requests and answers."""

from __future__ import annotations

from typing import Any

import graphene
from django.db.models import QuerySet

from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.types import JSON, DateTime, HouseType
from apps.providers.models import Capture
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import captures

VIEW = ProvidersPermission.CAPTURE_VIEW


class CaptureType(HouseType):
    """A call whose words were kept, redacted, because its route says so."""

    class Meta:
        name = "Capture"

    id = graphene.ID(required=True, source="record")
    request_id = graphene.String(required=True)
    at = DateTime(required=True)
    model = graphene.String(required=True)
    key = graphene.String(required=True)
    status = graphene.String(required=True)
    cut = graphene.Boolean(required=True, source="is_cut")
    expires_at = DateTime(required=True)
    request = JSON(required=True)
    answer = JSON()


class Query(graphene.ObjectType):
    captures = ConnectionField(
        CaptureType,
        permission=VIEW,
        model=graphene.String(),
        key=graphene.String(),
        request_id=graphene.String(),
        status=graphene.String(),
    )
    capture = HouseField(CaptureType, permission=VIEW, id=graphene.ID(required=True))

    @staticmethod
    def resolve_captures(root: Any, info: Any, **wanted: str | None) -> QuerySet[Capture]:
        return captures.captures(actor=actor_of(info), **wanted)

    @staticmethod
    def resolve_capture(root: Any, info: Any, *, id: str) -> Capture:  # noqa: A002 - the schema's word
        return captures.capture(actor=actor_of(info), capture_id=id)
