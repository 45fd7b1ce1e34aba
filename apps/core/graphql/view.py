"""`/graphql` over HTTP: one hop into the pool for a whole request, however many operations it batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie
from graphql import OperationType

from apps.core import envelopes
from apps.core import json as strict_json
from apps.core.asgi.door import Door, door
from apps.core.asgi.headers import DOCS_POLICY
from apps.core.asgi.pool import in_pool
from apps.core.asgi.presence import while_present
from apps.core.asgi.request import GateRequest
from apps.core.errors import AppError, Limited, Malformed, MethodNotAllowed, Unsupported
from apps.core.graphql import shapes
from apps.core.graphql.context import GraphContext, new_context
from apps.core.graphql.errors import format_refusal
from apps.core.graphql.execution import Prepared, prepare, read_operation, run, run_on_loop
from apps.core.limits import policy
from apps.core.openapi.describe import Operation, describe

MAX_BATCH = 10
BODY_BYTES = 1024 * 1024
REASON = "the schema answers { version health } to anybody; every other field checks"


async def answer_on_loop(request: GateRequest) -> HttpResponse | None:
    """A single mutation that waits for others (a model) holds no thread; everything else is the view's."""
    if request.content_type != "application/json" or b"mutation" not in request.body:
        return None
    try:
        operation = read_operation(strict_json.parse(request.body))
        prepared = prepare(operation, is_anonymous=request.actor is None)
    except AppError:
        return None  # for the view to say
    if not prepared.is_on_loop:
        return None
    await in_pool(_charge, request, [prepared])
    context = new_context(request.actor, request.request_id)
    return _json(await while_present(request, run_on_loop(prepared, context)), 200)


@describe(
    GET=Operation(
        "Run a query",
        shapes.RESULT,
        tag="graphql",
        parameters=(shapes.QUERY,),
        more={400: shapes.RESULT, 422: shapes.RESULT},
    ),
    POST=Operation(
        "Run an operation, or up to ten in a list",
        shapes.RESULT,
        tag="graphql",
        body=shapes.OPERATION,
        description="The schema is `schema.graphql`; GraphiQL answers a browser at this address.",
        more={400: shapes.RESULT, 422: shapes.RESULT},
    ),
)
@door(
    GET=Door(public=REASON),
    # An Idempotency-Key is not honoured here: an answer may hold a secret anywhere in its data.
    POST=Door(public=REASON, body_limit=BODY_BYTES, replays=False, quick=answer_on_loop),
)
def graphql(request: GateRequest) -> HttpResponse:
    if request.method == "POST":
        return _answer_post(request)
    if "query" in request.GET:
        return _answer_get(request)
    if "text/html" in request.META.get("HTTP_ACCEPT", ""):
        return _graphiql(request)
    raise Malformed("Send a query: POST JSON, or GET with ?query=.", code="query_missing")


def _answer_post(request: GateRequest) -> HttpResponse:
    if request.content_type != "application/json":
        raise Unsupported("Send the operation as application/json.")
    body = strict_json.parse(request.body)
    is_batch = isinstance(body, list)
    operations = body if is_batch else [body]
    if not 1 <= len(operations) <= MAX_BATCH:
        raise Malformed(f"A batch has 1 to {MAX_BATCH} operations.", code="batch_size")
    context = new_context(request.actor, request.request_id)
    answers = [_Answer.of(item, context) for item in operations]
    _charge(request, [answer.prepared for answer in answers if answer.prepared])
    results = [answer.run(context) for answer in answers]
    if is_batch:
        return _json(results, 200)
    return _json(results[0], answers[0].status)


def _answer_get(request: GateRequest) -> HttpResponse:
    """Queries alone: a link must not change anything."""
    variables = request.GET.get("variables")
    body = {
        "query": request.GET["query"],
        "variables": strict_json.parse(variables.encode()) if variables else None,
        "operationName": request.GET.get("operationName"),
    }
    context = new_context(request.actor, request.request_id)
    answer = _Answer.of(body, context)
    if answer.prepared is not None and answer.prepared.kind is not OperationType.QUERY:
        raise MethodNotAllowed("Over GET only queries run.", allow="POST, OPTIONS")
    _charge(request, [answer.prepared] if answer.prepared else [])
    return _json(answer.run(context), answer.status)


class _Answer:
    """One operation on its way: ready to run, or refused already."""

    def __init__(self, prepared: Prepared | None, refusal: AppError | None) -> None:
        self.prepared = prepared
        self._refusal = refusal
        self.status = envelopes.status_of(refusal) if refusal else 200

    @classmethod
    def of(cls, body: Any, context: GraphContext) -> _Answer:
        try:
            prepared = prepare(read_operation(body), is_anonymous=context.actor is None)
            if prepared.kind is OperationType.SUBSCRIPTION:
                raise Malformed(
                    "Subscriptions run over a WebSocket.", code="subscription_over_http"
                )
        except AppError as error:
            return cls(None, error)
        return cls(prepared, None)

    def run(self, context: GraphContext) -> dict[str, Any]:
        if self._refusal is not None:
            return {"errors": [format_refusal(self._refusal, context.request_id)]}
        assert self.prepared is not None
        return run(self.prepared, context)


def _charge(request: GateRequest, operations: Sequence[Prepared]) -> None:
    """Count root fields as the calls they are; the gate has counted the first."""
    extra = sum(operation.calls for operation in operations) - 1
    if extra < 1:
        return
    identity = request.actor.identity if request.actor else None
    verdict = policy.hit_more_now(identity, request.address, "default", extra)
    if not verdict.allowed:
        raise Limited(retry_after=verdict.retry_after)


@ensure_csrf_cookie
def _graphiql(request: Any) -> HttpResponse:
    response = render(request, "graphiql.html")
    response.headers["Content-Security-Policy"] = DOCS_POLICY
    return response


def _json(value: Any, status: int) -> HttpResponse:
    return HttpResponse(strict_json.dumps(value), status=status, content_type="application/json")
