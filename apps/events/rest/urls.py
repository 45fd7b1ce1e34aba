"""Included at `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from apps.events.rest import topics
from apps.events.rest.views import AuditViewSet

urlpatterns = [
    path("events", topics.events),
    path("events/stream", topics.stream),
    path("audit", AuditViewSet.as_view({"get": "list"})),
    path("audit/export", AuditViewSet.as_view({"get": "export"})),
    path("audit/<str:id>", AuditViewSet.as_view({"get": "retrieve"})),
]
