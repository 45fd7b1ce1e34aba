"""Serve the application with uvicorn: `manage.py serve --host … --port … --workers …`."""

from __future__ import annotations

import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.core.asgi.server import DrainingServer, serve_workers, server_config
from config.env import share_metrics


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--host", default=settings.SIGNALBOX_HOST)
        parser.add_argument("--port", type=int, default=settings.SIGNALBOX_PORT)
        parser.add_argument("--workers", type=int, default=settings.SIGNALBOX_WORKERS)
        parser.add_argument("--ssl-certfile")
        parser.add_argument("--ssl-keyfile")

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_lonely_workers(options["workers"])
        if options["workers"] > 1:
            share_metrics(settings.SIGNALBOX_DATA_DIR / "metrics")
        config = server_config(
            host=options["host"],
            port=options["port"],
            workers=options["workers"],
            grace=settings.SIGNALBOX_SHUTDOWN_GRACE,
            ssl_certfile=options["ssl_certfile"],
            ssl_keyfile=options["ssl_keyfile"],
        )
        run(config, self.stdout)


def refuse_lonely_workers(workers: int) -> None:
    """Limits and live events of several processes must meet somewhere."""
    if workers > 1 and not settings.SIGNALBOX_REDIS_URL:
        raise CommandError(
            f"{workers} workers need REDIS_URL: without it each process would count limits and hold live events "
            "for itself. Set REDIS_URL or serve with --workers 1."
        )


def run(config: Any, out: Any) -> None:
    try:
        bound = config.bind_socket()
    except (OSError, SystemExit):
        raise CommandError(
            f"{config.host}:{config.port} is taken or not ours to listen on."
        ) from None
    out.write(f"Signalbox {settings.SIGNALBOX_VERSION} listens on {_address(bound)}")
    out.flush()
    if config.workers > 1:
        serve_workers(config, bound)
    else:
        DrainingServer(config).run(sockets=[bound])


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://{host}:{port}"
