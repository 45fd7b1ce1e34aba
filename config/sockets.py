"""The sockets: which path is answered by which consumer."""

from __future__ import annotations

from apps.core.ws import registry
from apps.core.ws.consumer import LiveConsumer
from apps.core.ws.graphql_ws import GraphQLConsumer
from apps.core.ws.routing import SocketRouter

registry.watch()

sockets = SocketRouter({"/ws": LiveConsumer.as_asgi(), "/graphql": GraphQLConsumer.as_asgi()})
