"""Paths of conversations and their messages below `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from apps.conversations.rest import answers
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
    path("chat", answers.chat),
    path("conversations/<str:id>/messages", answers.conversation_messages),
    path("conversations/<str:id>/messages/<str:message_id>", answers.one_message),
    # Never asked: the coroutines above stand at the same paths and hand plain reads on. They document those reads.
    path("conversations/<str:id>/messages", list_messages),
    path(
        "conversations/<str:id>/messages/<str:message_id>",
        MessageViewSet.as_view({"get": "retrieve"}),
    ),
    path("conversations/<str:id>/messages/<str:message_id>/regenerate", answers.regenerate),
    path("conversations/<str:id>/messages/<str:message_id>/continue", answers.go_on),
    path("conversations/<str:id>/messages/<str:message_id>/stop", answers.stop),
    path(
        "conversations/<str:id>/messages/<str:message_id>/select",
        MessageViewSet.as_view({"post": "select"}),
    ),
    path(
        "conversations/<str:id>/messages/<str:message_id>/feedback",
        MessageViewSet.as_view({"post": "feedback"}),
    ),
]
