"""Paths below `/api/2.0/`, in MLflow's spelling."""

from __future__ import annotations

from django.urls import path

from apps.models.rest.mlflow import artifacts, models, versions
from apps.models.rest.mlflow.calls import WRITING, Call, calls

MODELS, VERSIONS = "mlflow/registered-models", "mlflow/model-versions"
ARTIFACTS = "mlflow-artifacts/artifacts"

urlpatterns = [
    path(f"{MODELS}/create", calls(POST=Call(models.create, WRITING))),
    path(f"{MODELS}/get", calls(GET=Call(models.get))),
    path(f"{MODELS}/update", calls(PATCH=Call(models.update, WRITING))),
    path(f"{MODELS}/rename", calls(POST=Call(models.rename, WRITING))),
    path(f"{MODELS}/delete", calls(DELETE=Call(models.delete, WRITING))),
    path(f"{MODELS}/search", calls(GET=Call(models.search))),
    path(
        f"{MODELS}/get-latest-versions",
        calls(GET=Call(models.latest_versions), POST=Call(models.latest_versions)),
    ),
    path(f"{MODELS}/set-tag", calls(POST=Call(models.set_tag, WRITING))),
    path(f"{MODELS}/delete-tag", calls(DELETE=Call(models.delete_tag, WRITING))),
    path(
        f"{MODELS}/alias",
        calls(
            GET=Call(models.get_alias),
            POST=Call(models.set_alias, WRITING),
            DELETE=Call(models.delete_alias, WRITING),
        ),
    ),
    path(f"{VERSIONS}/create", calls(POST=Call(versions.create, WRITING))),
    path(f"{VERSIONS}/get", calls(GET=Call(versions.get))),
    path(f"{VERSIONS}/update", calls(PATCH=Call(versions.update, WRITING))),
    path(f"{VERSIONS}/delete", calls(DELETE=Call(versions.delete, WRITING))),
    path(f"{VERSIONS}/search", calls(GET=Call(versions.search))),
    path(f"{VERSIONS}/set-tag", calls(POST=Call(versions.set_tag, WRITING))),
    path(f"{VERSIONS}/delete-tag", calls(DELETE=Call(versions.delete_tag, WRITING))),
    path(f"{VERSIONS}/transition-stage", calls(POST=Call(versions.transition_stage, WRITING))),
    path(f"{VERSIONS}/get-download-uri", calls(GET=Call(versions.download_uri))),
    path(ARTIFACTS, artifacts.listing),
    path(f"{ARTIFACTS}/<path:path>", artifacts.one),
]
