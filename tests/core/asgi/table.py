"""A URL table to try the way in with: each view does one thing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

from django.db import DataError, OperationalError, ProgrammingError
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import URLPattern, URLResolver, include, path
from rest_framework import serializers
from rest_framework.response import Response

from apps.core import errors
from apps.core.asgi.door import Door, door
from apps.core.asgi.pool import in_pool
from apps.core.permissions import Permission
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.viewsets import HouseViewSet
from apps.core.tenancy import _current


class Tried(Permission):
    """Granted to no role: the identities of these tests hold them by name."""

    USE = "tried.thing.use"
    RULE = "tried.thing.rule"


OPEN = Door(public="for trying", limit=None)
COUNTED = Door(public="for trying")
USED = Door(Tried.USE)
runs: list[str] = []
"""What ran, for views whose deeds are counted."""

FAILURES: dict[str, BaseException] = {
    "bug": ZeroDivisionError("secret detail"),
    "database-away": OperationalError("could not connect to server at 10.0.0.7"),
    "database-bug": ProgrammingError("no such column"),
    "out-of-range": DataError('value "secret" out of range'),
    "not-found": Http404("secret detail"),
    "limited": errors.Limited(retry_after=7),
    "upstream": errors.Upstream("It failed."),
    "unavailable": errors.Unavailable(retry_after=9),
    "timeout": errors.TimedOut(),
    "no-room": errors.NoRoom(),
    "late": errors.Unauthenticated(answer_after=0.2),
}


def seen(request: Any) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.path,
        "query": dict(request.GET.lists()),
        "body": request.body.decode("latin-1"),
        "actor": request.actor.principal if request.actor else None,
        "organization": _current.get(),
        "address": request.address,
        "request_id": request.request_id,
    }


@door(GET=OPEN, POST=OPEN, PUT=OPEN)
async def echo(request: Any, **parameters: Any) -> HttpResponse:
    return JsonResponse(seen(request))


@door(GET=OPEN, POST=OPEN)
def echo_in_pool(request: Any) -> HttpResponse:
    return JsonResponse(seen(request))


@door(GET=USED, POST=USED)
async def used(request: Any) -> HttpResponse:
    return JsonResponse(seen(request))


@door(POST=USED)
def used_in_pool(request: Any) -> HttpResponse:
    return JsonResponse(seen(request))


async def quickly(request: Any) -> HttpResponse | None:
    """Answers what it is asked plainly, leaves the rest to the view."""
    runs.append("quick")
    if request.body == b"refuse":
        raise errors.Conflict
    return HttpResponse("quick") if request.body == b"plain" else None


@door(GET=Door(Tried.USE), POST=Door(Tried.USE, quick=quickly))
def hasty(request: Any) -> HttpResponse:
    runs.append("view")
    return HttpResponse(b"view of " + request.body)


@door(GET=Door(Tried.RULE))
async def ruled(request: Any) -> HttpResponse:
    return JsonResponse({})


@door(GET=Door(signed_in="for trying", limit=None))
async def signed_in(request: Any) -> HttpResponse:
    return JsonResponse(seen(request))


@door(GET=COUNTED)
async def counted(request: Any) -> HttpResponse:
    return JsonResponse({})


@door(GET=Door(Tried.USE, limit="chat", admits_itself=True))
async def admits_itself(request: Any) -> HttpResponse:
    return JsonResponse({})


@door(POST=Door(public="for trying", limit=None, body_limit=1000))
async def small(request: Any) -> HttpResponse:
    return JsonResponse({"length": len(request.body), "declared": request.META["CONTENT_LENGTH"]})


@door(POST=Door(public="for trying", limit=None, body_limit=8 * 1024 * 1024))
async def big(request: Any) -> HttpResponse:
    on_disk = getattr(request._stream, "_rolled", False)
    length = await in_pool(lambda: len(request.body))
    return JsonResponse({"length": length, "on_disk": on_disk})


@door(GET=OPEN)
async def failing(request: Any, how: str) -> HttpResponse:
    raise FAILURES[how]


@door(GET=OPEN)
def failing_in_pool(request: Any, how: str) -> HttpResponse:
    raise FAILURES[how]


def unmarked(request: Any) -> HttpResponse:
    return HttpResponse("nobody said who may come in")


@door(GET=OPEN)
async def own_headers(request: Any) -> HttpResponse:
    response = HttpResponse(
        "ok", headers={"Cache-Control": "public", "X-Frame-Options": "SAMEORIGIN"}
    )
    response.set_cookie("seen", "yes")
    response.set_cookie("twice", "yes")
    return response


ended: list[str] = []
"""How streams came to their end."""


@door(GET=OPEN)
async def stream(request: Any) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        try:
            yield b"one "
            await asyncio.sleep(0)
            yield b"two"
            if "forever" in request.GET:
                await asyncio.Event().wait()
            if "break" in request.GET:
                raise ZeroDivisionError
        finally:
            ended.append("async")

    return StreamingHttpResponse(parts())


@door(GET=USED)
def stream_in_pool(request: Any) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        yield f"{_current.get()} ".encode()
        yield str(request.actor.organization_id).encode()

    return StreamingHttpResponse(parts())


class ThingBody(BodySerializer):
    name = serializers.CharField(max_length=20)
    number = serializers.IntegerField(required=False)


class ThingSerializer(ReadSerializer):
    name = serializers.CharField()
    number = serializers.IntegerField()


class Thing:
    def __init__(self, name: str, number: int | None = None) -> None:
        self.name, self.number, self.revision = name, number, 3


class ThingViewSet(HouseViewSet):
    """A viewset without tables: what it made stands in `runs`."""

    doors: ClassVar = {
        "list": USED,
        "retrieve": USED,
        "create": Door(Tried.USE, secret_fields=("secret",)),
        "unkept": Door(Tried.USE, replays=False),
        "put": USED,
        "parting": USED,
    }

    def list(self, request: Any) -> Response:
        return Response({"data": []})

    def retrieve(self, request: Any, name: str) -> Response:
        return self.present(Thing(name), ThingSerializer)

    def create(self, request: Any) -> Response:
        body = self.read(ThingBody)
        runs.append(body["name"])
        if body["name"] == "absent":
            raise errors.NotFound
        if body["name"] == "taken":
            raise errors.Conflict
        if body["name"] == "denied":
            raise errors.PermissionDenied
        if body["name"] == "bug":
            raise ZeroDivisionError
        if body["name"] == "killed":
            raise KeyboardInterrupt
        return self.present(Thing(**body), ThingSerializer, status=201, secret="s3cret")

    unkept = create

    def put(self, request: Any, name: str) -> Response:
        return Response({"expected": self.expected_revision()})

    def parting(self, request: Any, name: str) -> Response:
        return self.nothing()


urlpatterns: list[URLPattern | URLResolver] = [
    path("echo", echo),
    path("echo-in-pool", echo_in_pool),
    path("api/v1/used", used),
    path("api/v1/used-in-pool", used_in_pool),
    path("api/v1/hasty", hasty),
    path("api/v1/ruled", ruled),
    path("api/v1/signed-in", signed_in),
    path("counted", counted),
    path("admits-itself", admits_itself),
    path("small", small),
    path("big", big),
    path("failing/<str:how>", failing),
    path("failing-in-pool/<str:how>", failing_in_pool),
    path("v1/failing/<str:how>", failing),
    path("unmarked", unmarked),
    path("own-headers", own_headers),
    path("stream", stream),
    path("stream-in-pool", stream_in_pool),
    path("api/v1/things", ThingViewSet.as_view({"get": "list", "post": "create"})),
    path("api/v1/unkept", ThingViewSet.as_view({"post": "unkept"})),
    path(
        "api/v1/things/<str:name>",
        ThingViewSet.as_view({"get": "retrieve", "put": "put", "delete": "parting"}),
    ),
    path("nested/", include([path("here", echo), path("<int:number>", echo)])),
]
