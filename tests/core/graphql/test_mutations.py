"""The base of deeds: who may, what a refusal looks like, and that nobody runs before the check."""

from __future__ import annotations

from typing import Any

import graphene
import pytest
from graphql import ExecutionResult, execute, parse

from apps.core.actor import Actor, Role
from apps.core.errors import Conflict, Invalid
from apps.core.graphql.context import GraphContext, new_context
from apps.core.graphql.errors import format_error
from apps.core.graphql.fields import FieldDoor, HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.events.permissions import EventsPermission
from tests.factories.events import make_actor

pytestmark = pytest.mark.unit


class Rename(HouseMutation):
    class Meta:
        permission = EventsPermission.AUDIT_VIEW

    class Arguments:
        name = graphene.String(required=True)

    by = graphene.String(required=True)
    name = graphene.String(required=True)

    @classmethod
    def perform(cls, actor: Actor, *, name: str) -> Rename:
        if not name:
            raise Invalid.field("name", "must not be empty", "blank")
        if name == "taken":
            raise Conflict
        return cls(by=actor.principal, name=name)


class Query(graphene.ObjectType):
    nothing = HouseField(graphene.Boolean, public="a test")


class Mutation(graphene.ObjectType):
    rename = Rename.Field()


SCHEMA = graphene.Schema(query=Query, mutation=Mutation).graphql_schema


def run(actor: Actor | None, name: str) -> tuple[Any, list[dict[str, Any]]]:
    context: GraphContext = new_context(actor, "req_test")
    document = parse("mutation m($name: String!) { rename(name: $name) { by name } }")
    result = execute(SCHEMA, document, context_value=context, variable_values={"name": name})
    assert isinstance(result, ExecutionResult)
    return result.data, [
        format_error(error, context)["extensions"] for error in result.errors or ()
    ]


def test_perform_is_given_the_actor_and_the_arguments() -> None:
    actor = make_actor()

    assert run(actor, "new") == ({"rename": {"by": actor.principal, "name": "new"}}, [])


def test_nobody_is_unauthenticated() -> None:
    expected = {"code": "UNAUTHENTICATED", "error": "unauthenticated", "request_id": "req_test"}

    assert run(None, "new") == ({"rename": None}, [expected])


def test_viewer_is_denied() -> None:
    expected = {"code": "DENIED", "error": "permission_denied", "request_id": "req_test"}

    assert run(make_actor(role=Role.VIEWER), "new") == ({"rename": None}, [expected])


def test_wrong_input_names_its_field() -> None:
    expected = {
        "code": "INVALID",
        "error": "validation_error",
        "request_id": "req_test",
        "fields": [{"field": "name", "message": "must not be empty", "type": "blank"}],
    }

    assert run(make_actor(), "") == ({"rename": None}, [expected])


def test_refusal_of_the_service_keeps_its_code() -> None:
    expected = {"code": "CONFLICT", "error": "conflict", "request_id": "req_test"}

    assert run(make_actor(), "taken") == ({"rename": None}, [expected])


def test_mutation_without_a_door_cannot_be_declared() -> None:
    with pytest.raises(ValueError, match="names a permission"):

        class Doorless(HouseMutation):
            done = graphene.Boolean()


@pytest.mark.parametrize("words", [{}, {"public": "x", "signed_in": "y"}])
def test_field_names_one_door(words: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="names a permission"):
        FieldDoor(**words)
