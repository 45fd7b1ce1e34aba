"""The REST door of webhooks and their deliveries."""

from __future__ import annotations

from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.asgi.door import Door
from apps.core.rest.fields import FlagField, WholeNumberField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.core.rest.viewsets import HouseViewSet
from apps.events import queries
from apps.events.models import DeliveryAttempt, WebhookDelivery
from apps.events.permissions import EventsPermission
from apps.events.services import webhooks

VIEW, MANAGE = EventsPermission.WEBHOOK_VIEW, EventsPermission.WEBHOOK_MANAGE
STATES = [WebhookDelivery.PENDING, WebhookDelivery.DELIVERED, WebhookDelivery.FAILED]
WEBHOOK: dict[str, Any] = {
    "id": "webhook_5f0c6f2f0d4b4b6c8a3f3d1d1f9b7a10",
    "url": "https://example.com/hooks/signalbox",
    "topics": ["job.*"],
    "description": "CI",
    "enabled": True,
    "disabled_reason": "",
    "failing_since": None,
    "created_at": "2026-01-15T10:30:00Z",
    "revision": 1,
}
DELIVERY: dict[str, Any] = {
    "id": "msg_0b7e8a1c5d2f4e6a9c3b1d8f7e6a5c4d",
    "webhook": WEBHOOK["id"],
    "job": None,
    "url": WEBHOOK["url"],
    "event": "jobs.job.completed",
    "state": "delivered",
    "attempts": 1,
    "last_status": 200,
    "last_error": "",
    "due_at": "2026-01-15T10:30:00Z",
    "created_at": "2026-01-15T10:30:00Z",
    "finished_at": "2026-01-15T10:30:01Z",
}
ONE = OpenApiExample("A webhook", WEBHOOK, response_only=True)
NEW = OpenApiExample("A new webhook", {**WEBHOOK, "secret": "whsec_Zk3…"}, response_only=True)
SENT = OpenApiExample("A delivery", DELIVERY, response_only=True, status_codes=["200", "202"])
CALLBACK = OpenApiExample(
    "A callback",
    {
        **DELIVERY,
        "webhook": None,
        "job": "job_7d0f3b5c9a1e4c2f8b6d4a2c0e8f6b4d",
        "url": "https://example.com/done",
    },
    response_only=True,
)
ATTEMPT: dict[str, Any] = {
    "number": 1,
    "at": "2026-01-15T10:30:00Z",
    "milliseconds": 41.7,
    "status": 200,
    "error": "",
    "request_headers": {"webhook-id": DELIVERY["id"]},
    "answer_headers": {"content-type": "text/plain"},
    "answer_body": "ok",
}
DETAIL = OpenApiExample(
    "A delivery",
    {**DELIVERY, "body": '{"type": "jobs.job.completed"}', "log": [ATTEMPT]},
    response_only=True,
)
SECRET = OpenApiExample("The secret", {"secret": "whsec_Zk3…"}, response_only=True)
ASKED = OpenApiExample("Every job", {"url": WEBHOOK["url"], "topics": ["job.*"]}, request_only=True)


class WebhookBody(BodySerializer):
    url = CleanCharField(max_length=2000, help_text="http or https, and public.")
    topics = serializers.ListField(
        child=CleanCharField(max_length=100),
        help_text="Live topics or facts by name, `prefix.*`, or `*`.",
    )
    description = CleanCharField(max_length=255, required=False, allow_blank=True)


class WebhookChangeBody(BodySerializer):
    url = CleanCharField(max_length=2000, required=False)
    topics = serializers.ListField(child=CleanCharField(max_length=100), required=False)
    description = CleanCharField(max_length=255, required=False, allow_blank=True)
    enabled = FlagField(required=False, source="is_enabled")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(
                {"body": ["must name a field to change"]}, code="required"
            )
        return attrs


class RotateSecretBody(BodySerializer):
    grace_seconds = WholeNumberField(
        required=False,
        default=webhooks.GRACE_SECONDS,
        help_text="How long deliveries are signed with the old secret too.",
    )


class WebhookSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    url = serializers.CharField()
    topics = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField()
    enabled = serializers.BooleanField(source="is_enabled")
    disabled_reason = serializers.CharField(help_text="`asked`, `gone` (410) or `failing`.")
    failing_since = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    revision = serializers.IntegerField()


class NewWebhookSerializer(WebhookSerializer):
    """A webhook with its secret, shown once."""

    secret = serializers.CharField(help_text="Signs what we send. It is shown this once.")


class CallbackSecretSerializer(ReadSerializer):
    secret = serializers.CharField()


class DeliverySerializer(ReadSerializer):
    id = serializers.CharField(source="public_id", help_text="What `webhook-id` carries.")
    webhook = serializers.CharField(
        source="webhook_id", allow_null=True, help_text="Null where it is a job's callback."
    )
    job = serializers.SerializerMethodField(help_text="The job whose callback it is.")
    url = serializers.CharField(source="address")
    event = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    attempts = serializers.IntegerField()
    last_status = serializers.IntegerField(allow_null=True)
    last_error = serializers.CharField()
    due_at = serializers.DateTimeField(help_text="When it is tried next, while pending.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    @staticmethod
    def get_job(delivery: WebhookDelivery) -> str | None:
        return delivery.job or None


class AttemptSerializer(ReadSerializer):
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    milliseconds = serializers.FloatField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    request_headers = serializers.DictField(child=serializers.CharField())
    answer_headers = serializers.DictField(child=serializers.CharField())
    answer_body = serializers.CharField()


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with what was sent and what came back, attempt by attempt."""

    body = serializers.CharField()
    log = AttemptSerializer(many=True)


class DeliveryFilter(django_filters.FilterSet):
    """Names the filter and its values; what it means is the query's."""

    state = django_filters.ChoiceFilter(choices=[(state, state) for state in STATES])


class CallbackFilter(DeliveryFilter):
    job = django_filters.CharFilter()


class WebhookViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(VIEW),
        "create": Door(MANAGE, secret_fields=("secret",)),
        "retrieve": Door(VIEW),
        "partial_update": Door(MANAGE),
        "destroy": Door(MANAGE),
        "rotate_secret": Door(MANAGE, secret_fields=("secret",)),
        "test": Door(MANAGE),
        "deliveries": Door(VIEW),
        "callbacks": Door(VIEW),
        "callback_secret": Door(MANAGE),
    }
    serializer_class = WebhookSerializer

    @extend_schema(summary="The organisation's webhooks", examples=[ONE])
    def list(self, request: Any) -> Response:
        return self.page(queries.webhooks(actor=self.actor), WebhookSerializer)

    @extend_schema(
        summary="Make a webhook",
        description="The secret stands in `secret`, this once; a replay by `Idempotency-Key` leaves it out.",
        request=WebhookBody,
        responses={201: NewWebhookSerializer},
        examples=[ASKED, NEW],
    )
    def create(self, request: Any) -> Response:
        issued = webhooks.create_webhook(actor=self.actor, **self.read(WebhookBody))
        return self.present(issued.webhook, WebhookSerializer, status=201, secret=issued.secret)

    @extend_schema(summary="One webhook", examples=[ONE])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(queries.webhook(actor=self.actor, webhook_id=id), WebhookSerializer)

    @extend_schema(
        summary="Change a webhook; enable it again",
        request=WebhookChangeBody,
        responses=WebhookSerializer,
        examples=[ONE],
    )
    def partial_update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        webhook = webhooks.update_webhook(
            actor=self.actor,
            webhook_id=id,
            expected_revision=self.expected_revision(),
            **self.read(WebhookChangeBody),
        )
        return self.present(webhook, WebhookSerializer)

    @extend_schema(summary="Remove a webhook and its deliveries", responses={204: None})
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        webhooks.delete_webhook(actor=self.actor, webhook_id=id)
        return self.nothing()

    @extend_schema(
        summary="Give a webhook a new secret",
        description="For `grace_seconds` every delivery is signed with the old one too.",
        request=RotateSecretBody,
        responses=NewWebhookSerializer,
        examples=[NEW],
    )
    def rotate_secret(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        issued = webhooks.rotate_secret(
            actor=self.actor, webhook_id=id, **self.read(RotateSecretBody)
        )
        return self.present(issued.webhook, WebhookSerializer, secret=issued.secret)

    @extend_schema(
        summary="Send a test event",
        request=None,
        responses={202: DeliverySerializer},
        examples=[SENT],
    )
    def test(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        delivery = webhooks.test_webhook(actor=self.actor, webhook_id=id)
        return self.present(delivery, DeliverySerializer, status=202)

    @extend_schema(
        operation_id="webhooks_deliveries_list",
        summary="What became of a webhook's deliveries",
        parameters=[OpenApiParameter("state", str, enum=STATES)],
        responses=DeliverySerializer(many=True),
        examples=[SENT],
    )
    def deliveries(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        state = request.query_params.get("state")
        return self.page(
            queries.deliveries(actor=self.actor, webhook_id=id, state=state),
            DeliverySerializer,
            filterset=DeliveryFilter,
        )

    @extend_schema(
        operation_id="webhooks_callbacks_list",
        summary="What became of the callbacks of jobs",
        description="Each is shown and sent again as a webhook's delivery is.",
        parameters=[
            OpenApiParameter("state", str, enum=STATES),
            OpenApiParameter("job", str, description="The callbacks of this job."),
        ],
        responses=DeliverySerializer(many=True),
        examples=[CALLBACK],
    )
    def callbacks(self, request: Any) -> Response:
        return self.page(
            queries.callbacks(actor=self.actor), DeliverySerializer, filterset=CallbackFilter
        )

    @extend_schema(
        operation_id="webhooks_callback_secret",
        summary="What signs the callbacks of jobs",
        responses=CallbackSecretSerializer,
        examples=[SECRET],
    )
    def callback_secret(self, request: Any) -> Response:
        return Response({"secret": webhooks.callback_secret(actor=self.actor)})


class DeliveryViewSet(HouseViewSet):
    doors: ClassVar = {"retrieve": Door(VIEW), "replay": Door(MANAGE)}
    serializer_class = DeliverySerializer

    @extend_schema(
        summary="One delivery with its attempts",
        responses=DeliveryDetailSerializer,
        examples=[DETAIL],
    )
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        delivery = queries.delivery(actor=self.actor, delivery_id=id)
        log: list[DeliveryAttempt] = queries.attempts_of(actor=self.actor, delivery_id=id)
        return self.present(
            delivery,
            DeliverySerializer,
            body=delivery.body,
            log=[AttemptSerializer(row).data for row in log],
        )

    @extend_schema(
        summary="Send a delivery again",
        description="Under the same id, so that a receiver can tell it from a new one.",
        request=None,
        responses={202: DeliverySerializer},
        examples=[SENT],
    )
    def replay(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        delivery = webhooks.replay_delivery(actor=self.actor, delivery_id=id)
        return self.present(delivery, DeliverySerializer, status=202)
