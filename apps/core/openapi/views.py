"""The document and its readers, Swagger UI and ReDoc, from our own static files."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.core.asgi.door import Door, door
from apps.core.asgi.headers import DOCS_POLICY

READABLE = Door(public="documentation is for everybody", limit=None, asks_who=False)
POLICY = {"Content-Security-Policy": DOCS_POLICY, "Cache-Control": "public, max-age=300"}


@cache
def _document() -> bytes:
    content: bytes = settings.SIGNALBOX_OPENAPI_FILE.read_bytes()
    return content


@door(GET=READABLE)
def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        _document(),
        content_type="application/json",
        headers={"Cache-Control": "public, max-age=300"},
    )


@door(GET=READABLE)
def swagger(request: HttpRequest) -> HttpResponse:
    return _page(request, "docs/swagger.html")


@door(GET=READABLE)
def redoc(request: HttpRequest) -> HttpResponse:
    return _page(request, "docs/redoc.html")


def _page(request: HttpRequest, template: str) -> HttpResponse:
    response = render(request, template)
    for name, value in POLICY.items():
        response.headers[name] = value
    return response
