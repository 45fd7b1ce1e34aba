"""Included at `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from apps.events.rest import topics
from apps.events.rest.views import AuditViewSet
from apps.events.rest.webhooks import DeliveryViewSet, WebhookViewSet

urlpatterns = [
    path("events", topics.events),
    path("events/stream", topics.stream),
    path("audit", AuditViewSet.as_view({"get": "list"})),
    path("audit/export", AuditViewSet.as_view({"get": "export"})),
    path("audit/<str:id>", AuditViewSet.as_view({"get": "retrieve"})),
    path("webhooks", WebhookViewSet.as_view({"get": "list", "post": "create"})),
    path("webhooks/callbacks", WebhookViewSet.as_view({"get": "callbacks"})),
    path("webhooks/callback-secret", WebhookViewSet.as_view({"get": "callback_secret"})),
    path(
        "webhooks/<str:id>",
        WebhookViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("webhooks/<str:id>/rotate-secret", WebhookViewSet.as_view({"post": "rotate_secret"})),
    path("webhooks/<str:id>/test", WebhookViewSet.as_view({"post": "test"})),
    path("webhooks/<str:id>/deliveries", WebhookViewSet.as_view({"get": "deliveries"})),
    path("webhooks/deliveries/<str:id>", DeliveryViewSet.as_view({"get": "retrieve"})),
    path("webhooks/deliveries/<str:id>/replay", DeliveryViewSet.as_view({"post": "replay"})),
]
