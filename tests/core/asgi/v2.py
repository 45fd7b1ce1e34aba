"""A throw-away second version of the API: one path of its own, one it changes, nothing else."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.urls import path

from apps.core.asgi.door import Door, door


@door(GET=Door(public="for trying", limit=None))
async def capabilities(request: Any) -> HttpResponse:
    return JsonResponse({"version": 2})


urlpatterns = [path("capabilities", capabilities)]
