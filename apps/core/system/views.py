"""Hot doors about the house itself; plain async views, no database when warm."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from hmac import compare_digest
from time import monotonic
from typing import Any

import psutil
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.core import json as strict_json
from apps.core import metrics
from apps.core.asgi.admission import charge_stranger
from apps.core.asgi.door import Door, door
from apps.core.asgi.lifecycle import lifecycle
from apps.core.asgi.pool import in_pool, pool_load
from apps.core.errors import NotFound, PermissionDenied, Unauthenticated
from apps.core.openapi.describe import Operation, describe
from apps.core.system import shapes
from apps.core.system.health import NEEDED, STARTED, monitor
from apps.core.system.permissions import SystemPermission

PROBED = Door(public="probes and load balancers carry no key", limit=None, asks_who=False)


def answer(value: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(strict_json.dumps(value), status=status, content_type="application/json")


@describe(GET=Operation("Is it healthy?", shapes.HEALTH, tag="health"))
@door(GET=PROBED)
async def health(request: HttpRequest) -> HttpResponse:
    readings = await monitor.readings()
    is_well = all(reading.is_connected for reading in readings.values())
    return answer(
        {
            "status": "healthy" if is_well else "degraded",
            "timestamp": datetime.now(UTC),
            "version": settings.SIGNALBOX_VERSION,
            "uptime_seconds": int(monotonic() - STARTED),
            "dependencies": {name: reading.state for name, reading in readings.items()},
        }
    )


@describe(GET=Operation("Is the process alive?", shapes.STATUS, tag="health"))
@door(GET=PROBED)
async def live(request: HttpRequest) -> HttpResponse:
    return answer({"status": "alive"})


@describe(
    GET=Operation("May it take traffic?", shapes.READY, tag="health", more={503: shapes.READY})
)
@door(GET=PROBED)
async def ready(request: HttpRequest) -> HttpResponse:
    readings = await monitor.readings()
    problems = [
        f"{name} is away"
        for name, reading in readings.items()
        if name in NEEDED and not reading.is_connected
    ]
    if lifecycle.is_draining:
        problems.append("the server is stopping")
    elif not problems and await monitor.lacks_migrations():
        problems.append("migrations are pending")
    status = 503 if problems else 200
    return answer({"status": "not_ready" if problems else "ready", "problems": problems}, status)


@describe(GET=Operation("Every dependency in detail", shapes.DETAILED, tag="health"))
@door(GET=Door(SystemPermission.VIEW_HEALTH))
async def detailed(request: HttpRequest) -> HttpResponse:
    readings = await monitor.readings()
    process = psutil.Process()
    return answer(
        {
            "status": "healthy"
            if all(reading.is_connected for reading in readings.values())
            else "degraded",
            "timestamp": datetime.now(UTC),
            "version": settings.SIGNALBOX_VERSION,
            "uptime_seconds": int(monotonic() - STARTED),
            "dependencies": {
                name: {
                    "status": reading.state,
                    "ms": reading.milliseconds,
                    "detail": reading.detail,
                }
                for name, reading in readings.items()
            },
            "process": {
                "pid": process.pid,
                "memory_bytes": process.memory_info().rss,
                "threads": process.num_threads(),
                "open_files": process.num_fds(),
                "python": platform.python_version(),
            },
            "pool": pool_load(),
        }
    )


@describe(GET=Operation("The configuration in force", shapes.CONFIG, tag="config"))
@door(GET=Door(SystemPermission.VIEW_CONFIG))
async def config(request: HttpRequest) -> HttpResponse:
    return answer(
        {
            "agent_name": "signalbox",
            "agent_type": "gateway",
            "port": settings.SIGNALBOX_PORT,
            "log_level": settings.SIGNALBOX_LOG_LEVEL.lower(),
            "environment": settings.SIGNALBOX_ENVIRONMENT,
            "version": settings.SIGNALBOX_VERSION,
            "database": settings.DATABASES["default"]["ENGINE"].rpartition(".")[2],
            "redis": bool(settings.SIGNALBOX_REDIS_URL),
            "workers": settings.SIGNALBOX_WORKERS,
            "doors": {
                "rest": settings.SIGNALBOX_ENABLE_REST,
                "graphql": settings.SIGNALBOX_ENABLE_GRAPHQL,
                "websocket": settings.SIGNALBOX_ENABLE_WEBSOCKET,
                "swagger": settings.SIGNALBOX_ENABLE_SWAGGER,
            },
            "limits": {name: str(rate) for name, rate in settings.SIGNALBOX_RATES.items()},
        }
    )


@describe(GET=Operation("What this installation can do", shapes.CAPABILITIES, tag="config"))
@door(GET=Door(SystemPermission.VIEW_CAPABILITIES))
async def capabilities(request: HttpRequest) -> HttpResponse:
    return answer(shapes.capabilities())


@describe(GET=Operation("Prometheus exposition", None, tag="monitoring"))
@door(
    GET=Door(
        public="takes the operator's own token, or a key that may; the view judges", limit=None
    )
)
async def prometheus(request: Any) -> HttpResponse:
    if not settings.SIGNALBOX_METRICS_ENABLED:
        raise NotFound
    try:
        organization = _organization_to_show(request)
    except Unauthenticated:
        await charge_stranger(request)  # the token may be guessed at no faster than a key
        raise
    text = await in_pool(metrics.exposition, organization)
    return HttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def _organization_to_show(request: Any) -> str | None:
    """None stands for every series: the operator's view."""
    token = settings.SIGNALBOX_METRICS_TOKEN
    given = request.META.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
    if token and compare_digest(given.encode(), token.encode()):
        return None
    if request.actor is None:
        raise Unauthenticated
    if SystemPermission.VIEW_METRICS.value not in request.actor.permissions:
        raise PermissionDenied
    organization: str = request.actor.identity.organization
    return organization
