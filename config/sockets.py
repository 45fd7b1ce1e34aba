"""The sockets: which path is answered by which consumer."""

from __future__ import annotations

from django.conf import settings

from apps.conversations.ws import ChatConsumer
from apps.core.ws import registry
from apps.core.ws.consumer import LiveConsumer
from apps.core.ws.graphql_ws import GraphQLConsumer
from apps.core.ws.routing import SocketRouter
from apps.jobs.ws import JobStreamConsumer

registry.watch()

_routes = {
    "/ws": LiveConsumer.as_asgi(),
    "/api/v1/chat/ws": ChatConsumer.as_asgi(),
    "/api/v1/job/{id}/stream": JobStreamConsumer.as_asgi(),
    "/api/v1/jobs/{id}/stream": JobStreamConsumer.as_asgi(),
}
if settings.SIGNALBOX_ENABLE_GRAPHQL:
    _routes["/graphql"] = GraphQLConsumer.as_asgi()

sockets = SocketRouter(_routes)
