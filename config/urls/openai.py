"""What stands below `/v1/`: the doors that other programs' clients know, OpenAI's and Anthropic's."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from apps.providers.views import anthropic, openai

urlpatterns: list[URLPattern | URLResolver] = [
    path("chat/completions", openai.chat_completions),
    path("completions", openai.completions),
    path("embeddings", openai.embeddings),
    path("images/generations", openai.images),
    path("models", openai.models),
    path("models/<path:model>", openai.model),
    path("messages", anthropic.messages),
    path("messages/count_tokens", anthropic.count_tokens),
]
