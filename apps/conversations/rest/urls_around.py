"""What stands around conversations: files, search, transfer, shares, comparisons. Included at `/api/v1/`, before
`conversations/<id>` is: `search` and `import` are no ids.
"""

from __future__ import annotations

from django.urls import path

from apps.conversations.rest import titles
from apps.conversations.rest.comparisons import ComparisonViewSet, comparisons_door
from apps.conversations.rest.search import SearchViewSet
from apps.conversations.rest.shares import SharedViewSet, ShareViewSet
from apps.conversations.rest.transfer import TransferViewSet
from apps.conversations.rest.uploads import UploadViewSet

urlpatterns = [
    path("uploads", UploadViewSet.as_view({"post": "create"})),
    path("uploads/<str:id>", UploadViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    path("uploads/<str:id>/content", UploadViewSet.as_view({"get": "content"})),
    path("conversations/search", SearchViewSet.as_view({"get": "list"})),
    path("conversations/import", TransferViewSet.as_view({"post": "bring"})),
    path("conversations/<str:id>/export", TransferViewSet.as_view({"get": "export"})),
    path(
        "conversations/<str:id>/share",
        ShareViewSet.as_view({"get": "retrieve", "post": "create", "delete": "destroy"}),
    ),
    path("conversations/<str:id>/title", titles.title),
    path("comparisons", comparisons_door),
    # Never asked: the coroutine above stands at the same path and hands reads on. It documents those reads.
    path("comparisons", ComparisonViewSet.as_view({"get": "list"})),
    path("comparisons/<str:id>", ComparisonViewSet.as_view({"get": "retrieve"})),
    path("comparisons/<str:id>/choose", ComparisonViewSet.as_view({"post": "choose"})),
    path("shared/<str:token>", SharedViewSet.as_view({"get": "retrieve"})),
]
