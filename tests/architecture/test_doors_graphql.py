"""Every root field of the schema names a permission, or says why it needs none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLField, get_named_type

from apps.conversations.permissions import ConversationsPermission
from apps.core.graphql.execution import house_schema
from apps.core.graphql.fields import FieldDoor
from apps.events.topics import TOPICS
from apps.jobs.permissions import JobPermission
from apps.providers.permissions import ProvidersPermission

pytestmark = pytest.mark.unit

PUBLIC = {"Query.version", "Query.health"}
"""Fields that answer anybody. Add one with its reason, in review."""


# Subscriptions that stand in place of their topic's own and ask for a right of their own app -> which.
NARROWER = {"jobProgress": JobPermission.VIEW}
# A call or an answer of the subscriber's own, and no topic.
CALLS = {
    "completionTokens": ProvidersPermission.CALL,
    "answerTokens": ConversationsPermission.VIEW,
}
# Plain lists as long as the code that declares them.
DECLARED = {"Query.jobKinds"}
# Plain lists of points in a time that is asked for, and bounded.
SERIES = {"Query.modelAccuracy", "Query.modelHours"}


def root_fields() -> Iterator[tuple[str, GraphQLField]]:
    schema = house_schema()
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        if root is not None:
            for name, field in root.fields.items():
                yield f"{root.name}.{name}", field


def door_of(field: GraphQLField) -> Any:
    return getattr(field.resolve, "door", None)


def test_every_root_field_has_a_door() -> None:
    without = [name for name, field in root_fields() if not isinstance(door_of(field), FieldDoor)]

    assert without == []


def test_only_the_listed_fields_are_public() -> None:
    public = {name for name, field in root_fields() if door_of(field).public}

    assert public == PUBLIC


def test_every_subscription_checks_before_it_listens() -> None:
    subscriptions = house_schema().subscription_type
    assert subscriptions is not None

    unchecked = [
        name
        for name, field in subscriptions.fields.items()
        if getattr(field.subscribe, "door", None) is None
    ]

    assert unchecked == []


def test_every_topic_has_its_subscription() -> None:
    subscriptions = house_schema().subscription_type
    assert subscriptions is not None

    named = {topic.subscription: topic.permission for topic in TOPICS.values()}

    assert {
        name: door_of(field).permission for name, field in subscriptions.fields.items()
    } == named | NARROWER | CALLS


def test_every_list_is_a_connection_of_bounded_pages() -> None:
    """A plain list of objects at the root would have no page size to bound."""
    unbounded = [
        name
        for name, field in root_fields()
        if "[" in str(field.type)
        and hasattr(get_named_type(field.type), "fields")
        and name not in DECLARED | SERIES
    ]

    assert unbounded == []
