"""Request id, headers and access record, in the form of middleware that costs Django least: sync and async at once."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware

from bench.peers import work


@sync_and_async_middleware
def carry(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if iscoroutinefunction(get_response):

        async def middleware(request: Any) -> Any:
            begin(request)
            return finish(request, await get_response(request))
    else:

        def middleware(request: Any) -> Any:
            begin(request)
            return finish(request, get_response(request))

    return middleware


def begin(request: Any) -> None:
    request.started = perf_counter()
    request.id = request.headers.get("X-Request-ID") or work.new_request_id()
    request.caller = None
    request.limit_headers = {}


def finish(request: Any, response: Any) -> Any:
    for name, value in (work.SECURITY_HEADERS | request.limit_headers).items():
        response.headers[name] = value
    response.headers["X-Request-ID"] = request.id
    work.record_access(
        request_id=request.id,
        method=request.method,
        path=request.path,
        status=response.status_code,
        started=request.started,
        address=request.META["REMOTE_ADDR"],
        caller=request.caller,
    )
    return response
