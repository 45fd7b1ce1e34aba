"""Paths of conversations and their messages below `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from apps.conversations.rest.conversations import ConversationViewSet, StatsViewSet
from apps.conversations.rest.messages import MessageViewSet, list_messages

urlpatterns = [
    path("conversations", ConversationViewSet.as_view({"get": "list", "post": "create"})),
    path("conversations/stats", StatsViewSet.as_view({"get": "list"})),
    path(
        "conversations/<str:id>",
        ConversationViewSet.as_view(
            {
                "get": "retrieve",
                "put": "update",
                "patch": "partial_update",
                "delete": "destroy",
            }
        ),
    ),
    path("conversations/<str:id>/messages", list_messages),
    path(
        "conversations/<str:id>/messages/<str:message_id>",
        MessageViewSet.as_view({"get": "retrieve"}),
    ),
    path(
        "conversations/<str:id>/messages/<str:message_id>/select",
        MessageViewSet.as_view({"post": "select"}),
    ),
    path(
        "conversations/<str:id>/messages/<str:message_id>/feedback",
        MessageViewSet.as_view({"post": "feedback"}),
    ),
]
