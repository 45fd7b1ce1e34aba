"""Paths of the registries that models are followed from, below `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from apps.models.rest.sources import SourceViewSet

urlpatterns = [
    path("mlflow-sources", SourceViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "mlflow-sources/<str:id>",
        SourceViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("mlflow-sources/<str:id>/sync", SourceViewSet.as_view({"post": "sync"})),
]
