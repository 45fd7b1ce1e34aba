"""Lists by cursor, the joins a selection asks for, and the number of queries that takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import graphene
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from graphql import ExecutionContext, ExecutionResult, execute, parse

from apps.core.actor import Role
from apps.core.errors import Invalid
from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import new_context
from apps.core.graphql.fields import HouseField
from apps.core.graphql.types import HouseType, public_id
from apps.core.tenancy import organization_scope
from apps.events.permissions import EventsPermission
from apps.tenants.models import Membership, Organization
from tests.factories.events import make_actor
from tests.factories.tenants import make_member, make_organization

pytestmark = pytest.mark.integration


class PlaceType(HouseType):
    name = graphene.String()


class PersonType(HouseType):
    email = graphene.String()


class MemberType(HouseType):
    related = {"user": "user", "place": "organization"}

    id = public_id()
    user = graphene.Field(PersonType)
    place = graphene.Field(PlaceType, source="organization")


class Query(graphene.ObjectType):
    members = ConnectionField(
        MemberType, permission=EventsPermission.TOPIC_LISTEN, role=graphene.String()
    )
    anybody = HouseField(graphene.Boolean, public="a test")

    @staticmethod
    def resolve_members(root: Any, info: Any, *, role: str | None = None) -> Any:
        rows = Membership.objects.all()
        return rows.filter(role=role) if role else rows


SCHEMA = graphene.Schema(query=Query).graphql_schema


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    made = make_organization()
    make_member(make_organization())  # could leak
    with organization_scope(made.pk):
        yield made


def ask(organization: Organization, query: str) -> tuple[Any, int]:
    """The data, and how many queries it took."""
    context = new_context(make_actor(organization), "req_test")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        result = execute(
            SCHEMA, parse(query), context_value=context, execution_context_class=ExecutionContext
        )
    assert isinstance(result, ExecutionResult)
    assert result.errors is None, result.errors
    return result.data, len(captured)


@pytest.mark.parametrize(
    ("fields", "queries"),
    [
        ("nodes { id }", 1),
        ("nodes { id user { email } }", 1),
        ("nodes { id user { email } place { name } } totalCount", 2),
        (
            "nodes { ...who } } } fragment who on MemberType { user { ...mail } } fragment mail on PersonType { email",
            1,
        ),
        ("nodes { ... on MemberType { place { name } } }", 1),
        ("totalCount", 1),
        ("pageInfo { hasNextPage }", 1),
    ],
)
def test_list_costs_a_fixed_number_of_queries(
    organization: Organization, fields: str, queries: int
) -> None:
    tail = "" if "fragment" in fields else " } }"
    counts = []
    for rows in (1, 3):
        while Membership.objects.count() < rows:
            make_member(organization)
        query = f"{{ members {{ {fields} {tail}" if tail else f"{{ members {{ {fields} }}"
        counts.append(ask(organization, query)[1])

    assert counts == [queries, queries]


def test_list_is_walked_by_cursor_newest_first(organization: Organization) -> None:
    expected = [make_member(organization).public_id for _ in range(5)][::-1]
    found: list[str] = []
    after = ""
    for _ in range(3):
        argument = f', after: "{after}"' if after else ""
        data, _count = ask(
            organization,
            f"{{ members(first: 2{argument}) {{ nodes {{ id }} totalCount pageInfo {{ hasNextPage endCursor }} }} }}",
        )
        page = data["members"]
        found += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert page["totalCount"] == 5

    assert found == expected
    assert page["pageInfo"] == {"hasNextPage": False, "endCursor": None}


def test_list_is_filtered_by_its_own_arguments(organization: Organization) -> None:
    make_member(organization)
    viewer = make_member(organization, Role.VIEWER)

    data, _ = ask(organization, '{ members(role: "viewer") { nodes { id } totalCount } }')

    assert data == {"members": {"nodes": [{"id": viewer.public_id}], "totalCount": 1}}


def test_bad_cursor_is_invalid(organization: Organization) -> None:
    context = new_context(make_actor(organization), "req_test")

    result = execute(
        SCHEMA, parse('{ members(after: "bad") { nodes { id } } }'), context_value=context
    )

    assert isinstance(result, ExecutionResult)
    (error,) = result.errors or []
    assert isinstance(error.original_error, Invalid)
    assert [field.field for field in error.original_error.fields] == ["cursor"]
