"""What the doors of answers take, read on the loop by the same rules as everywhere."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import APIException

from apps.conversations.rest.serializers import LONGEST_MODEL, TextField
from apps.core import json
from apps.core.asgi.request import GateRequest
from apps.core.errors import Unsupported
from apps.core.rest.errors import as_app_error
from apps.core.rest.fields import FlagField
from apps.core.rest.serializers import BodySerializer
from apps.core.rest.text import CleanCharField

LONGEST_ID = 80


class NoBody(BodySerializer):
    """Nothing need be said; an object without fields may be."""


class StreamBody(BodySerializer):
    stream = FlagField(required=False)


class AgainBody(StreamBody):
    model = CleanCharField(max_length=LONGEST_MODEL, required=False, allow_null=True)


class EditBody(AgainBody):
    content = TextField()
    attachments = serializers.ListField(
        child=CleanCharField(max_length=LONGEST_ID), required=False, allow_null=True
    )


class MessageBody(EditBody):
    parent_id = CleanCharField(max_length=LONGEST_ID, required=False, allow_null=True)


class ChatBody(AgainBody):
    message = TextField()
    conversation_id = CleanCharField(max_length=LONGEST_ID, required=False, allow_null=True)


def read(request: GateRequest, form: type[BodySerializer], *, may_be_empty: bool) -> dict[str, Any]:
    """The checked body. Raises `Unsupported`, `Malformed`, `Invalid`."""
    raw = request.body
    if not raw and may_be_empty:
        return {}
    if request.content_type != "application/json":
        raise Unsupported("Send the body as application/json.")
    bound = form(data=json.parse(raw))
    try:
        bound.is_valid(raise_exception=True)
    except APIException as error:
        raise as_app_error(error) from None
    return dict(bound.validated_data)


def wants_stream(request: GateRequest, body: dict[str, Any]) -> bool:
    """`stream` decides; where it says nothing, what is accepted does."""
    asked = body.get("stream")
    return bool(asked) if asked is not None else accepts_stream(request)


def accepts_stream(request: GateRequest) -> bool:
    return "text/event-stream" in request.META.get("HTTP_ACCEPT", "").lower()
