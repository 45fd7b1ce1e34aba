"""What stands below `/v2/`: KServe's open inference protocol."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from apps.models.views import kserve

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", kserve.v2_live),
    path("health/ready", kserve.v2_ready),
    path("models/<str:model>", kserve.v2_model),
    path("models/<str:model>/ready", kserve.v2_model_ready),
    path("models/<str:model>/infer", kserve.v2_infer),
    path("models/<str:model>/versions/<str:version>", kserve.v2_model),
    path("models/<str:model>/versions/<str:version>/ready", kserve.v2_model_ready),
    path("models/<str:model>/versions/<str:version>/infer", kserve.v2_infer),
]
