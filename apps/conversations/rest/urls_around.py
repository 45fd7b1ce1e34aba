"""What stands around conversations: files, search, transfer, shares, comparisons. Included at `/api/v1/`, before
`conversations/<id>` is: `search` and `import` are no ids.
"""

from __future__ import annotations

from django.urls import path

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
    path("shared/<str:token>", SharedViewSet.as_view({"get": "retrieve"})),
]
