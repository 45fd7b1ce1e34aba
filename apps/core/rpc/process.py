"""This process's end of the socket: the server's listener, or the worker's one connection."""

from __future__ import annotations

import os
import threading

import structlog
from django.conf import settings

from apps.core.rpc.client import Client
from apps.core.rpc.place import socket_path
from apps.core.rpc.server import Server

log = structlog.get_logger(__name__)
_server: Server | None = None
_client: Client | None = None
_lock = threading.Lock()


async def serve() -> None:
    """Called when a server starts. With Redis there is nothing to ask a server for."""
    global _server
    if _server is not None or settings.SIGNALBOX_REDIS_URL:
        return
    _server = Server(socket_path())
    try:
        await _server.start()
    except OSError as error:
        # Without it jobs under a budget wait; everything else goes on.
        log.warning("rpc_not_listening", error=str(error))


async def stop() -> None:
    global _server
    server, _server = _server, None
    if server is not None:
        await server.close()


def client() -> Client:
    global _client
    with _lock:
        if _client is None:
            _client = Client(socket_path())
        return _client


def _forget_after_fork() -> None:
    global _client, _lock
    _client, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)
