"""What stands below `/v2/`: KServe's open inference protocol."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from apps.models.views import kserve

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", kserve.live),
    path("health/ready", kserve.ready),
    path("models/<str:model>", kserve.model),
    path("models/<str:model>/ready", kserve.model_ready),
    path("models/<str:model>/infer", kserve.infer),
    path("models/<str:model>/versions/<str:version>", kserve.model),
    path("models/<str:model>/versions/<str:version>/ready", kserve.model_ready),
    path("models/<str:model>/versions/<str:version>/infer", kserve.infer),
]
