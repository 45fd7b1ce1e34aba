"""The gate: the life of an HTTP request, from scope to access record, top-down."""

from __future__ import annotations

import asyncio
from asyncio import iscoroutinefunction
from collections.abc import Callable
from functools import cache
from typing import Any

import structlog
from django.core.exceptions import DisallowedHost, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse, HttpResponseBase
from django.urls import ResolverMatch

from apps.core import envelopes, idempotency, metrics
from apps.core import json as strict_json
from apps.core.asgi.access import record_access
from apps.core.asgi.admission import admit
from apps.core.asgi.body import ClientGone, read_body
from apps.core.asgi.browser import PAGE, answer_page, is_page
from apps.core.asgi.deliver import Receive, Send, deliver
from apps.core.asgi.door import Door, doors_of
from apps.core.asgi.headers import check_version, is_preflight, preflight_answer
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.core.asgi.resolve import resolve
from apps.core.errors import (
    AppError,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NoRoom,
    NotFound,
    TooLarge,
    Unavailable,
)
from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.tenancy import leave_organization

log = structlog.get_logger(__name__)
CLIENT_GONE = 499
"""What the records say of callers who left before their answer began; nobody is sent it."""
SQLITE_FULL = 13
POSTGRES_DISK_FULL = "53100"
_good_hosts: set[str] = set()


async def handle_http(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer one request, whatever happens; only a caller who hung up gets nothing."""
    leave_organization()
    request = GateRequest(scope)
    request.receive = receive
    try:
        await _exchange(request, receive, send)
    except ClientGone:
        record_access(request, CLIENT_GONE, 0)
        metrics.observe_request(request, CLIENT_GONE)
    finally:
        request.close()


async def _exchange(request: GateRequest, receive: Receive, send: Send) -> None:
    try:
        response = await _answer(request, receive)
    except ClientGone:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
        response = answer_error(request, error)
    if (wait := getattr(response, "answer_after", 0)) > 0:
        await asyncio.sleep(wait)
    size = 0
    try:
        size = await deliver(request, response, receive, send)
    finally:  # a stream that broke off is an exchange too
        record_access(request, response.status_code, size)
        metrics.observe_request(request, response.status_code)


async def _answer(request: GateRequest, receive: Receive) -> HttpResponseBase:
    request.refuse_unreadable()
    _check_host(request)
    check_version(request)
    path = request.path_info
    if is_page(path):
        await read_body(request, receive, PAGE.body_limit)
        return await in_pool(answer_page, request)
    match = resolve(path)
    doors = doors_of(match.func)
    if not doors:
        raise NotFound  # a view that does not say who may come in lets nobody in
    method = request.META["REQUEST_METHOD"]
    if method == "OPTIONS":
        return _answer_options(request, tuple(doors))
    door = doors.get("GET" if method == "HEAD" else method)
    if door is None:
        raise MethodNotAllowed(allow=", ".join([*doors, "OPTIONS"]))
    request.resolver_match = match
    await admit(request, door)
    await read_body(request, receive, door.body_limit)
    return await _run_view(request, match, door)


def _check_host(request: GateRequest) -> None:
    # get_host() parses and matches patterns at each call; the hosts a server is reached by are few.
    host = request.META.get("HTTP_HOST", "")
    if host not in _good_hosts:
        request.get_host()
        if len(_good_hosts) < 1000:
            _good_hosts.add(host)


def _answer_options(request: GateRequest, methods: tuple[str, ...]) -> HttpResponse:
    allowed = (*methods, "OPTIONS")
    if is_preflight(request):
        return preflight_answer(request, allowed)
    return HttpResponse(status=204, headers={"Allow": ", ".join(allowed)})


@cache
def _runs_on_loop(view: Callable[..., Any]) -> bool:
    return iscoroutinefunction(view)


async def _run_view(request: GateRequest, match: ResolverMatch, door: Door) -> HttpResponseBase:
    if door.quick is not None and not (door.replays and "HTTP_IDEMPOTENCY_KEY" in request.META):
        answer = await door.quick(request)
        if answer is not None:
            return answer
    if _runs_on_loop(match.func):
        return await match.func(request, *match.args, **match.kwargs)  # type: ignore[no-any-return]  # a view's answer
    return await in_pool(_run_blocking_view, request, match.func, match.args, match.kwargs, door)


def _run_blocking_view(
    request: GateRequest, view: Callable[..., Any], args: Any, kwargs: Any, door: Door
) -> HttpResponseBase:
    def run() -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
            if hasattr(response, "render") and callable(response.render):
                response = response.render()
        except Exception as error:  # noqa: BLE001 - the answer is what a replay keeps
            return answer_error(request, error)
        return response  # type: ignore[no-any-return]  # a view's answer

    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    is_kept = door.replays and not door.public and request.method == "POST"
    if key is None or request.actor is None or not is_kept:
        return run()  # a public door hands out credentials: its answers are nothing to keep
    return idempotency.run_once(request, key, door.secret_fields, run)


def answer_error(request: GateRequest, error: Exception) -> HttpResponse:
    """Any exception as an answer in the house's shape; the unexpected is logged and shows its request id alone."""
    known = to_app_error(error)
    if known is None:
        log.error("unhandled", request_id=request.request_id, path=request.path, exc_info=error)
        known = AppError()
    body = envelopes.body_for(known, path=request.path, request_id=request.request_id)
    response = HttpResponse(
        strict_json.dumps(body),
        status=envelopes.status_of(known, request.path),
        content_type="application/json",
    )
    for name, value in envelopes.headers_for(known):
        response.headers[name] = value
    if isinstance(known, TooLarge):
        response.headers["Connection"] = "close"
    response.answer_after = known.data.get("answer_after", 0)  # type: ignore[attr-defined]  # read by handle_http
    return response


def to_app_error(error: Exception) -> AppError | None:
    """What the libraries below us raise, as members of our tree; None for a bug."""
    match error:
        case AppError():
            return error
        case Http404():
            return NotFound()
        case DisallowedHost():
            return Malformed("This host is not served here.", code="unknown_host")
        case RequestDataTooBig():
            return TooLarge()
        case SuspiciousOperation():
            return Malformed()
        case LimitStoreUnavailable():
            return Unavailable("The limiter's store is away.", code="limiter_unavailable")
        case OperationalError() if _is_out_of_room(error):
            log.warning("database_full", error=repr(error))
            return NoRoom()
        case OperationalError() | InterfaceError():
            log.warning("database_away", error=repr(error))
            return Unavailable("The database is away.", code="database_unavailable")
        case DataError():
            log.warning("value_out_of_range", error=repr(error))
            return Invalid("A value lies outside what can be kept.", code="value_out_of_range")
    return None


def _is_out_of_room(error: OperationalError) -> bool:
    cause = error.__cause__
    is_sqlite_full = getattr(cause, "sqlite_errorcode", None) == SQLITE_FULL
    return is_sqlite_full or getattr(cause, "sqlstate", None) == POSTGRES_DISK_FULL
