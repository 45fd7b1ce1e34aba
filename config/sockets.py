"""The sockets: which path is answered by which consumer."""

from __future__ import annotations

from apps.core.ws.routing import SocketRouter

sockets = SocketRouter({})
