"""Serve the application with uvicorn: `manage.py serve --host … --port … --workers …`."""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from config.lean import without

with without("watchfiles"):  # to reload, which `runserver` does
    import uvicorn

from apps.core.asgi.server import DrainingServer, serve_workers, server_config
from apps.core.commands import NOT_READY
from apps.core.system.health import is_behind
from config.embedded import embedded_worker
from config.env import read_environment, share_metrics, share_public_url

STOPPING = (
    "\nsignalbox: stopping; what is under way has {} s to end, Ctrl-C again ends it at once\n"
)


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
        config = configure(
            host=options["host"],
            port=options["port"],
            workers=options["workers"],
            ssl_certfile=options["ssl_certfile"],
            ssl_keyfile=options["ssl_keyfile"],
        )
        bound = bind(config)
        refuse_pending_migrations()
        public_url(config, bound)
        self.stdout.write(f"Signalbox {settings.SIGNALBOX_VERSION} listens on {_address(bound)}")
        self.stdout.flush()
        serve(config, bound)


def configure(
    *, port: int, host: str | None = None, workers: int | None = None, **ssl: Any
) -> uvicorn.Config:
    """uvicorn's configuration; what is not given stands in the settings."""
    count = settings.SIGNALBOX_WORKERS if workers is None else workers
    refuse_lonely_workers(count)
    if count > 1:
        share_metrics(settings.SIGNALBOX_DATA_DIR / "metrics")
    return server_config(
        host=settings.SIGNALBOX_HOST if host is None else host,
        port=port,
        workers=count,
        grace=settings.SIGNALBOX_SHUTDOWN_GRACE,
        **ssl,
    )


def refuse_lonely_workers(workers: int) -> None:
    """Limits and live events of several processes must meet somewhere."""
    if workers > 1 and not settings.SIGNALBOX_REDIS_URL:
        raise CommandError(
            f"{workers} workers need REDIS_URL: without it each process would count limits and hold live events "
            "for itself. Set REDIS_URL or serve with --workers 1."
        )


def refuse_pending_migrations() -> None:
    """A server on yesterday's tables fails at some request; better that it does not start."""
    settings.SIGNALBOX_DATA_DIR.mkdir(parents=True, exist_ok=True)
    try:
        lacks_migrations = is_behind()
    except DatabaseError:
        return  # away for the moment: the server comes up, says so in /health and recovers with it
    finally:
        connection.close()
    if lacks_migrations:
        raise CommandError(NOT_READY)


def public_url(config: uvicorn.Config, bound: socket.socket) -> str:
    """Where people reach the house: as configured, or on this machine at the port that is served."""
    if not read_environment().public_url:
        scheme = "https" if config.ssl_certfile else "http"
        url = f"{scheme}://localhost:{bound.getsockname()[1]}"
        share_public_url(url)
        settings.SIGNALBOX_PUBLIC_URL = url
    here: str = settings.SIGNALBOX_PUBLIC_URL
    return here


def bind(config: uvicorn.Config) -> socket.socket:
    """Take the port. Raises `CommandError` with the one sentence that says why not."""
    log = logging.getLogger("uvicorn.error")
    log.disabled = True  # it would say the same in its own words first
    try:
        return config.bind_socket()
    except (OSError, OverflowError, SystemExit):
        raise CommandError(
            f"{config.host}:{config.port} is taken or not ours to listen on."
        ) from None
    finally:
        log.disabled = False


def serve(config: uvicorn.Config, bound: socket.socket) -> None:
    """Serve until a signal, with a worker for jobs beside it. Ctrl-C is a good end like any other."""
    with embedded_worker() as worker, suppress(KeyboardInterrupt):

        def tell() -> None:
            if worker is not None:
                worker.terminate()
            if sys.stderr.isatty():
                sys.stderr.write(STOPPING.format(config.timeout_graceful_shutdown))

        if config.workers > 1:
            serve_workers(config, bound, on_stop=tell)
        else:
            DrainingServer(config, on_stop=tell).run(sockets=[bound])


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://{host}:{port}"
