"""Pages: the one part of the house that runs Django's own middleware (sessions, CSRF, messages, language).

It runs whole in the pool, so none of it is adapted to async.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.http import HttpResponseBase

from apps.core.asgi.door import Door
from apps.core.asgi.request import GateRequest

PAGE = Door(public="pages sign in by session in their own middleware", limit=None)


def is_page(path: str) -> bool:
    prefixes: tuple[str, ...] = settings.SIGNALBOX_BROWSER_PREFIXES
    return path.startswith(prefixes) or f"{path}/" in prefixes


@cache
def _handler() -> BaseHandler:
    handler = BaseHandler()
    handler.load_middleware()
    return handler


def answer_page(request: GateRequest) -> HttpResponseBase:
    """Django's whole synchronous chain, for one page."""
    response: Any = _handler().get_response(request)
    return response  # type: ignore[no-any-return]  # django-stubs types get_response by its async twin
