"""What stands below `/predict/`: predictions in the serving API's own spelling."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from apps.models.views import later, predicting

urlpatterns: list[URLPattern | URLResolver] = [
    path("<str:model>", predicting.predict),
    path("batch/<str:model>", predicting.predict_batch),
    path("async/<str:model>", later.predict_later),
    path("async/<str:task_id>/result", later.result),
]
