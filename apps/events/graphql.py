"""The audit trail, webhooks with their deliveries, and every live topic as a subscription."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, ClassVar

import graphene
from django.db.models import QuerySet

from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField, LiveField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import JSON, DateTime, HouseType, public_id
from apps.core.live import LiveEvent, follow
from apps.events import queries
from apps.events.models import AuditEntry, DeliveryAttempt, WebhookDelivery, WebhookEndpoint
from apps.events.permissions import EventsPermission
from apps.events.services import webhooks
from apps.events.topics import TOPICS, Topic


class AuditActor(graphene.ObjectType):
    id = graphene.String(required=True)
    name = graphene.String(required=True)


class AuditObject(graphene.ObjectType):
    id = graphene.String(required=True)
    name = graphene.String(required=True)


class AuditCredential(graphene.ObjectType):
    kind = graphene.String(required=True)
    id = graphene.String(required=True)


class AuditEntryType(HouseType):
    """One deed: who did what to which object, from where, by which credential."""

    class Meta:
        name = "AuditEntry"

    id = public_id()
    action = graphene.String(required=True)
    actor = graphene.Field(AuditActor, required=True)
    object = graphene.Field(AuditObject, required=True)
    at = DateTime(required=True)
    before = JSON()
    after = JSON()
    address = graphene.String(required=True)
    credential = graphene.Field(AuditCredential, required=True)
    request_id = graphene.String(required=True)
    sequence = graphene.Int(
        description="Place in the chain; null until it is sealed, moments after the deed."
    )
    previous_hash = graphene.String()
    hash = graphene.String()


class LiveEventType(graphene.ObjectType):
    """One event of a live topic."""

    class Meta:
        name = "LiveEvent"

    topic = graphene.String(required=True)
    seq = graphene.BigInt(required=True, description="Number within the topic, without holes.")
    event = graphene.String(
        required=True,
        description="The fact it tells of; `gap` where events `from` to `to` are gone.",
    )
    data = JSON(required=True)
    timestamp = DateTime(required=True, source="at")


class WebhookType(HouseType):
    """A server that hears of facts, without its secret."""

    class Meta:
        name = "Webhook"

    id = public_id()
    url = graphene.String(required=True)
    topics = graphene.List(graphene.NonNull(graphene.String), required=True)
    description = graphene.String(required=True)
    enabled = graphene.Boolean(required=True, source="is_enabled")
    disabled_reason = graphene.String(required=True, description="asked, gone or failing")
    failing_since = DateTime()
    created_at = DateTime(required=True)
    revision = graphene.Int(required=True)


class DeliveryAttemptType(HouseType):
    """What one attempt sent and what came back, masked."""

    class Meta:
        name = "DeliveryAttempt"

    number = graphene.Int(required=True)
    at = DateTime(required=True)
    milliseconds = graphene.Float(required=True)
    status = graphene.Int()
    error = graphene.String(required=True)
    request_headers = JSON(required=True)
    answer_headers = JSON(required=True)
    answer_body = graphene.String(required=True, description="Its beginning.")


class WebhookDeliveryType(HouseType):
    """One fact on its way to one webhook, or to the callback of one job."""

    class Meta:
        name = "WebhookDelivery"

    related: ClassVar = {"webhook": "endpoint", "url": "endpoint", "log": "log"}

    id = public_id()
    webhook = graphene.ID(description="Null where it is a job's callback.", source="webhook_id")
    job = graphene.ID(description="The job whose callback it is.")
    url = graphene.String(required=True, source="address")
    event = graphene.String(required=True)
    state = graphene.String(required=True, description="pending, delivered or failed")
    attempts = graphene.Int(required=True)
    last_status = graphene.Int()
    last_error = graphene.String(required=True)
    due_at = DateTime(required=True)
    created_at = DateTime(required=True)
    finished_at = DateTime()
    body = graphene.String(required=True)
    log = graphene.List(graphene.NonNull(DeliveryAttemptType), required=True)

    @staticmethod
    def resolve_job(delivery: WebhookDelivery, info: Any) -> str | None:
        return delivery.job or None

    @staticmethod
    def resolve_log(delivery: WebhookDelivery, info: Any) -> list[DeliveryAttempt]:
        return sorted(delivery.log.all(), key=lambda attempt: attempt.number)


class WebhookInput(graphene.InputObjectType):
    url = graphene.String(required=True)
    topics = graphene.List(graphene.NonNull(graphene.String), required=True)
    description = graphene.String()


class WebhookChangeInput(graphene.InputObjectType):
    url = graphene.String()
    topics = graphene.List(graphene.NonNull(graphene.String))
    description = graphene.String()
    enabled = graphene.Boolean()


class Query(graphene.ObjectType):
    webhook = HouseField(
        WebhookType,
        required=True,
        permission=EventsPermission.WEBHOOK_VIEW,
        id=graphene.ID(required=True),
    )
    webhooks = ConnectionField(WebhookType, permission=EventsPermission.WEBHOOK_VIEW)
    webhook_deliveries = ConnectionField(
        WebhookDeliveryType,
        permission=EventsPermission.WEBHOOK_VIEW,
        webhook=graphene.ID(),
        job=graphene.ID(description="The callbacks of this job."),
        state=graphene.String(description="pending, delivered or failed"),
    )
    webhook_delivery = HouseField(
        WebhookDeliveryType,
        required=True,
        permission=EventsPermission.WEBHOOK_VIEW,
        id=graphene.ID(required=True),
    )
    audit_entries = ConnectionField(
        AuditEntryType,
        permission=EventsPermission.AUDIT_VIEW,
        action=graphene.String(),
        actor=graphene.String(description="Public id of who did it."),
        object=graphene.String(description="Public id of what it was done to."),
        since=DateTime(),
        until=DateTime(),
    )
    audit_entry = HouseField(
        AuditEntryType,
        permission=EventsPermission.AUDIT_VIEW,
        required=True,
        id=graphene.ID(required=True),
    )

    @staticmethod
    def resolve_webhook(root: Any, info: Any, *, id: str) -> WebhookEndpoint:  # noqa: A002 - the argument's public name
        return queries.webhook(actor=actor_of(info), webhook_id=id)

    @staticmethod
    def resolve_webhooks(root: Any, info: Any) -> QuerySet[WebhookEndpoint]:
        return queries.webhooks(actor=actor_of(info))

    @staticmethod
    def resolve_webhook_deliveries(
        root: Any,
        info: Any,
        *,
        webhook: str | None = None,
        job: str | None = None,
        state: str | None = None,
    ) -> QuerySet[WebhookDelivery]:
        return queries.deliveries(actor=actor_of(info), webhook_id=webhook, job_id=job, state=state)

    @staticmethod
    def resolve_webhook_delivery(root: Any, info: Any, *, id: str) -> WebhookDelivery:  # noqa: A002 - as above
        return queries.delivery(actor=actor_of(info), delivery_id=id)

    @staticmethod
    def resolve_audit_entries(
        root: Any,
        info: Any,
        *,
        action: str | None = None,
        actor: str | None = None,
        object: str | None = None,  # noqa: A002 - the filter's public name
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> QuerySet[AuditEntry]:
        return queries.audit_entries(
            actor=actor_of(info), action=action, by=actor, about=object, since=since, until=until
        )

    @staticmethod
    def resolve_audit_entry(root: Any, info: Any, *, id: str) -> AuditEntry:  # noqa: A002 - as above
        return queries.audit_entry(actor=actor_of(info), public_id=id)


def _subscriber(topic: Topic) -> Any:
    def subscribe(root: Any, info: Any, *, after: int | None = None) -> AsyncIterator[LiveEvent]:
        return follow(actor_of(info), topic.name, after)

    return subscribe


def _subscription_type() -> type[graphene.ObjectType]:
    members: dict[str, Any] = {}
    for topic in TOPICS.values():
        name = topic.name.replace(".", "_")
        members[name] = LiveField(
            LiveEventType,
            permission=topic.permission,
            required=True,
            description=topic.description,
            after=graphene.BigInt(
                description="Go on after this number; from now on when left out."
            ),
        )
        members[f"subscribe_{name}"] = staticmethod(_subscriber(topic))
    return type("Subscription", (graphene.ObjectType,), members)


Subscription = _subscription_type()


SECRET = "Signs what we send. It is shown this once."  # noqa: S105 - a description


class CreateWebhook(HouseMutation):
    class Meta:
        permission = EventsPermission.WEBHOOK_MANAGE

    class Arguments:
        input = WebhookInput(required=True)

    webhook = graphene.Field(WebhookType, required=True)
    secret = graphene.String(required=True, description=SECRET)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateWebhook:
        asked = dict(arguments["input"])
        description = asked.pop("description", None) or ""
        issued = webhooks.create_webhook(actor=actor, description=description, **asked)
        return cls(webhook=issued.webhook, secret=issued.secret)


class UpdateWebhook(HouseMutation):
    """What is not named stays."""

    class Meta:
        permission = EventsPermission.WEBHOOK_MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        input = WebhookChangeInput(required=True)
        expected_revision = graphene.Int()

    webhook = graphene.Field(WebhookType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateWebhook:
        changes = dict(arguments["input"])
        for name, value in changes.items():
            if value is None:
                raise Invalid.field(f"input.{name}", "may be left out but not null", "null")
        if "enabled" in changes:
            changes["is_enabled"] = changes.pop("enabled")
        webhook = webhooks.update_webhook(
            actor=actor,
            webhook_id=arguments["id"],
            expected_revision=arguments.get("expected_revision"),
            **changes,
        )
        return cls(webhook=webhook)


class RotateWebhookSecret(HouseMutation):
    """For the grace every delivery is signed with the old secret too."""

    class Meta:
        permission = EventsPermission.WEBHOOK_MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        grace_seconds = graphene.Int(default_value=webhooks.GRACE_SECONDS)

    webhook = graphene.Field(WebhookType, required=True)
    secret = graphene.String(required=True, description=SECRET)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RotateWebhookSecret:
        issued = webhooks.rotate_secret(
            actor=actor, webhook_id=arguments["id"], grace_seconds=arguments["grace_seconds"] or 0
        )
        return cls(webhook=issued.webhook, secret=issued.secret)


class TestWebhook(HouseMutation):
    """Send a test event."""

    __test__ = False

    class Meta:
        permission = EventsPermission.WEBHOOK_MANAGE

    class Arguments:
        id = graphene.ID(required=True)

    delivery = graphene.Field(WebhookDeliveryType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> TestWebhook:
        return cls(delivery=webhooks.test_webhook(actor=actor, webhook_id=arguments["id"]))


class ReplayWebhookDelivery(HouseMutation):
    """Send a delivery again, under the same id."""

    class Meta:
        permission = EventsPermission.WEBHOOK_MANAGE

    class Arguments:
        id = graphene.ID(required=True)

    delivery = graphene.Field(WebhookDeliveryType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> ReplayWebhookDelivery:
        return cls(delivery=webhooks.replay_delivery(actor=actor, delivery_id=arguments["id"]))


class DeleteWebhook(HouseMutation):
    """Remove a webhook and its deliveries."""

    class Meta:
        permission = EventsPermission.WEBHOOK_MANAGE

    class Arguments:
        id = graphene.ID(required=True)

    id = graphene.ID(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeleteWebhook:
        webhooks.delete_webhook(actor=actor, webhook_id=arguments["id"])
        return cls(id=arguments["id"])


class Mutation(graphene.ObjectType):
    create_webhook = CreateWebhook.Field()
    update_webhook = UpdateWebhook.Field()
    rotate_webhook_secret = RotateWebhookSecret.Field()
    test_webhook = TestWebhook.Field()
    replay_webhook_delivery = ReplayWebhookDelivery.Field()
    delete_webhook = DeleteWebhook.Field()
