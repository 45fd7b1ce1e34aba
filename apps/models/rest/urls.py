"""Paths of the registry below `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from apps.models.rest.batches import FileBatchViewSet
from apps.models.rest.models import ModelViewSet, one_model
from apps.models.rest.predictions import OutcomeViewSet, PredictionViewSet
from apps.models.rest.versions import VersionViewSet

VERSION = "models/<str:id>/versions/<str:tag>"

urlpatterns = [
    path("models", ModelViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "models/<str:id>",
        one_model,
    ),
    path("models/<str:id>/batch", FileBatchViewSet.as_view({"post": "create"})),
    path("models/<str:id>/compare", ModelViewSet.as_view({"get": "compare"})),
    path(
        "models/<str:id>/aliases/<str:alias>",
        ModelViewSet.as_view({"put": "set_alias", "delete": "remove_alias"}),
    ),
    path("models/<str:id>/versions", VersionViewSet.as_view({"get": "list", "post": "create"})),
    path(
        VERSION,
        VersionViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path(f"{VERSION}/stage", VersionViewSet.as_view({"post": "stage"})),
    path(f"{VERSION}/artifact", VersionViewSet.as_view({"get": "artifact"})),
    path("models/<str:id>/predictions", PredictionViewSet.as_view({"get": "list"})),
    path("models/<str:id>/accuracy", PredictionViewSet.as_view({"get": "accuracy"})),
    path("predictions/outcomes", OutcomeViewSet.as_view({"post": "create_many"})),
    path("predictions/<str:id>", PredictionViewSet.as_view({"get": "retrieve"})),
    path("predictions/<str:id>/outcome", OutcomeViewSet.as_view({"post": "create"})),
]
