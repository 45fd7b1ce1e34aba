"""From the bytes of a request to what is asked, strictly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from apps.core import json
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.core.errors import Invalid, Unsupported
from apps.models.domain.asking import Ask, read_flag, read_single
from apps.models.enums import Source

P = ParamSpec("P")
T = TypeVar("T")

OPTIONS = frozenset({"version", "explain"})
LONG_BODY = 32 * 1024
"""Bodies beyond it are read, and their answers written, beside the loop: a thousand rows take it milliseconds."""


async def beside(
    request: GateRequest, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Work whose time follows from the body's length: at once where that is short, in the pool where it is long."""
    if int(request.META["CONTENT_LENGTH"]) > LONG_BODY:
        return await in_pool(work, *args, **kwargs)
    return work(*args, **kwargs)


def read_json(request: GateRequest) -> Any:
    """Raises `Unsupported`, `Malformed`, `Invalid`."""
    if request.content_type != "application/json":
        raise Unsupported("Send the body as application/json.")
    return json.parse(request.body)


def read_ask(request: GateRequest, model: str, source: Source = Source.SINGLE) -> Ask:
    features, customer = read_single(read_json(request))
    tag, is_explained = read_options(request)
    return Ask(model, features, tag, customer, is_explained, source)


def read_options(request: GateRequest) -> tuple[str | None, bool]:
    """`?version=` and `?explain=`."""
    if not request.META["QUERY_STRING"]:
        return None, False
    query = request.GET
    unknown = sorted(set(query) - OPTIONS)
    if unknown:
        raise Invalid.field(unknown[0][:100], "is not a parameter here", "unknown_field")
    return query.get("version") or None, read_flag(query.get("explain"), "explain")
