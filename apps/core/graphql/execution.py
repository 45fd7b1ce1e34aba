"""Running one operation: read, judge, validate, execute, in that order, for HTTP and sockets alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import isawaitable
from time import monotonic
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    execute,
    get_operation_ast,
    subscribe,
    validate,
)

from apps.core.errors import Invalid, Malformed, TimedOut
from apps.core.graphql import limits
from apps.core.graphql.context import GraphContext
from apps.core.graphql.deadline import TimedExecution, database_deadline
from apps.core.graphql.errors import format_error, format_refusal

MAX_ERRORS = 20


@cache
def house_schema() -> GraphQLSchema:
    schema: GraphQLSchema = import_string(settings.GRAPHENE["SCHEMA"]).graphql_schema
    return schema


@dataclass(frozen=True, slots=True)
class Operation:
    """What a caller sent, of the right types."""

    query: str
    variables: Mapping[str, Any]
    name: str | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation that may run. `calls` is how many root fields it has: each counts as a call."""

    document: DocumentNode
    operation: OperationDefinitionNode
    variables: Mapping[str, Any]
    calls: int
    is_on_loop: bool = False
    """Whether it waits for others than the database, and so must not hold a thread: `run_on_loop` is its way."""

    @property
    def kind(self) -> OperationType:
        return self.operation.operation


def read_operation(body: Any) -> Operation:
    """The operation in a decoded JSON body; unknown members (extensions) are ignored, as the protocol says."""
    if not isinstance(body, dict):
        raise Malformed("An operation is an object with the member `query`.")
    query, variables, name = body.get("query"), body.get("variables"), body.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise Invalid.field("query", "must be a GraphQL document", "required")
    if variables is not None and not isinstance(variables, dict):
        raise Invalid.field("variables", "must be an object", "type")
    if name is not None and not isinstance(name, str):
        raise Invalid.field("operationName", "must be a string", "type")
    return Operation(query, variables or {}, name or None)


def prepare(operation: Operation, *, is_anonymous: bool) -> Prepared:
    """Everything that can be refused before anything runs."""
    schema = house_schema()
    document = limits.read_document(operation.query)
    costs = limits.judge(schema, document, operation.variables, is_anonymous=is_anonymous)
    chosen = get_operation_ast(document, operation.name)
    if chosen is None:
        raise Invalid.field("operationName", "must name one operation of the document", "choice")
    if errors := validate(schema, document, max_errors=MAX_ERRORS):
        place = errors[0].locations[0] if errors[0].locations else None
        where = f" (line {place.line}, column {place.column})" if place else ""
        raise Invalid(f"{errors[0].message}{where}")
    cost = costs[chosen.name.value if chosen.name else None]
    is_on_loop = _is_on_loop(schema, document, chosen)
    return Prepared(document, chosen, operation.variables, cost.roots, is_on_loop)


def run(prepared: Prepared, context: GraphContext) -> dict[str, Any]:
    """Execute a query or mutation in this thread; the response's members."""
    if prepared.is_on_loop:
        refusal = Invalid("This field runs in a request of its own, not in a batch.")
        return {"errors": [format_refusal(refusal, context.request_id)]}
    with database_deadline(context):
        result = execute(
            house_schema(),
            prepared.document,
            context_value=context,
            variable_values=dict(prepared.variables),
            operation_name=prepared.operation.name.value if prepared.operation.name else None,
            execution_context_class=TimedExecution,
        )
    assert isinstance(result, ExecutionResult)
    return present(result, context)


async def run_on_loop(prepared: Prepared, context: GraphContext) -> dict[str, Any]:
    """Execute a mutation whose fields are coroutines, under a bound of its own. Cancelled, it lets go at once."""
    seconds: float = settings.SIGNALBOX_GRAPHQL_CALL_SECONDS
    context.deadline = monotonic() + seconds
    try:
        async with asyncio.timeout(seconds):
            result = execute(
                house_schema(),
                prepared.document,
                context_value=context,
                variable_values=dict(prepared.variables),
                operation_name=prepared.operation.name.value if prepared.operation.name else None,
                execution_context_class=TimedExecution,
            )
            if isawaitable(result):
                result = await result
    except TimeoutError:
        refusal = TimedOut(f"The operation took longer than {seconds:g} s.", code="deadline")
        return {"data": None, "errors": [format_refusal(refusal, context.request_id)]}
    return present(result, context)


def _is_on_loop(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> bool:
    """All of a mutation's root fields are coroutines, or none."""
    if operation.operation is not OperationType.MUTATION or schema.mutation_type is None:
        return False
    fields = schema.mutation_type.fields
    names = set(_root_names(document, operation.selection_set.selections)) & fields.keys()
    waiting = {
        name
        for name in names
        if (d := getattr(fields[name].resolve, "door", None)) and d.is_on_loop
    }
    if waiting and waiting != names:
        raise Invalid(f"{', '.join(sorted(waiting))} runs in an operation without other fields.")
    return bool(waiting)


def _root_names(document: DocumentNode, selections: Iterable[SelectionNode]) -> Iterator[str]:
    for selection in selections:
        if isinstance(selection, FieldNode):
            yield selection.name.value
        elif isinstance(selection, FragmentSpreadNode):
            for part in document.definitions:
                if (
                    isinstance(part, FragmentDefinitionNode)
                    and part.name.value == selection.name.value
                ):
                    yield from _root_names(document, part.selection_set.selections)
        else:
            yield from _root_names(document, selection.selection_set.selections)  # type: ignore[attr-defined]  # an inline fragment


def present(result: ExecutionResult, context: GraphContext) -> dict[str, Any]:
    if result.errors and context.is_late:
        # Every field not reached reports the same; one error says it.
        return {
            "data": None,
            "errors": [format_refusal(TimedOut(code="deadline"), context.request_id)],
        }
    response: dict[str, Any] = {"data": result.data}
    if result.errors:
        response["errors"] = [format_error(error, context) for error in result.errors[:MAX_ERRORS]]
    return response


async def listen(
    prepared: Prepared, context: GraphContext
) -> AsyncIterator[ExecutionResult] | ExecutionResult:
    """Open a subscription: its results as they come, or the one that says why not."""
    return await subscribe(
        house_schema(),
        prepared.document,
        context_value=context,
        variable_values=dict(prepared.variables),
        operation_name=prepared.operation.name.value if prepared.operation.name else None,
    )
