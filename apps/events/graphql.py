"""The audit trail as a list, and every live topic as a subscription."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import graphene
from django.db.models import QuerySet

from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField, LiveField
from apps.core.graphql.types import JSON, DateTime, HouseType, public_id
from apps.core.live import LiveEvent, follow
from apps.events import queries
from apps.events.models import AuditEntry
from apps.events.permissions import EventsPermission
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


class Query(graphene.ObjectType):
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
