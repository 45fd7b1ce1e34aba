"""From the bytes of a request to what is asked, strictly."""

from __future__ import annotations

from typing import Any

from apps.core import json
from apps.core.asgi.request import GateRequest
from apps.core.errors import Invalid, Unsupported
from apps.models.domain.asking import Ask, read_flag, read_single
from apps.models.enums import Source

OPTIONS = frozenset({"version", "explain"})


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
