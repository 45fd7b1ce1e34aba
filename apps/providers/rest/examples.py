"""What the OpenAPI document shows of this app's objects."""

from __future__ import annotations

from typing import Any

PROVIDER: dict[str, Any] = {
    "id": "prov_5f0c6f2f0d4b4b6c8a3f3d1d1f9b7a10",
    "name": "openai",
    "kind": "openai",
    "base_url": "https://api.openai.com/v1",
    "has_credential": True,
    "credential_hint": "9f2c",
    "options": {},
    "enabled": True,
    "deployments": 1,
    "checked_at": "2026-01-15T10:30:00Z",
    "check_error": "",
    "created_at": "2026-01-15T10:30:00Z",
    "revision": 1,
}
DEPLOYMENT: dict[str, Any] = {
    "id": "dep_0b7e8a1c5d2f4e6a9c3b1d8f7e6a5c4d",
    "name": "gpt-4o-eu",
    "provider": PROVIDER["id"],
    "provider_name": "openai",
    "model": "gpt-4o",
    "input_price": 2.5,
    "output_price": 10.0,
    "cached_input_price": 1.25,
    "context_tokens": 128_000,
    "max_output_tokens": 16_384,
    "capabilities": ["chat", "tools", "vision", "json"],
    "limits": {"rpm": 500, "tpm": None, "parallel": 20},
    "timeouts": {"total": 600.0, "first_token": 120.0, "idle": 60.0},
    "enabled": True,
    "created_at": "2026-01-15T10:30:00Z",
    "revision": 1,
}
ROUTE: dict[str, Any] = {
    "id": "route_3c1d8f7e6a5c4d0b7e8a1c5d2f4e6a9c",
    "name": "chat",
    "description": "",
    "targets": [
        {
            "deployment": DEPLOYMENT["id"],
            "name": "gpt-4o-eu",
            "provider": "openai",
            "model": "gpt-4o",
            "weight": 1.0,
            "priority": 0,
            "enabled": True,
        }
    ],
    "fallbacks": ["spare"],
    "sticky": "session",
    "retries": 2,
    "cache_seconds": 0,
    "captures": False,
    "continues": False,
    "guardrails": [],
    "prompt": "",
    "managed_by": "",
    "enabled": True,
    "created_at": "2026-01-15T10:30:00Z",
    "revision": 1,
}
ROUTE_VERSION: dict[str, Any] = {
    "revision": 1,
    "definition": {
        "name": "chat",
        "targets": [
            {"deployment": DEPLOYMENT["id"], "name": "gpt-4o-eu", "weight": 1.0, "priority": 0}
        ],
        "sticky": "session",
    },
    "created_at": "2026-01-15T10:30:00Z",
}
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "You answer in {{language}}, in a sentence."}
]
PROMPT: dict[str, Any] = {
    "id": "prompt_7e6a5c4d0b7e8a1c5d2f4e6a9c3b1d8f",
    "name": "tone",
    "description": "How we speak to customers",
    "newest": 2,
    "labels": {"production": 1},
    "created_at": "2026-01-15T10:30:00Z",
    "revision": 3,
}
PROMPT_VERSION: dict[str, Any] = {
    "prompt": "tone",
    "version": 1,
    "messages": MESSAGES,
    "parameters": {"temperature": 0},
    "variables": ["language"],
    "note": "",
    "created_by": "user_1d8f7e6a5c4d0b7e8a1c5d2f4e6a9c3b",
    "created_at": "2026-01-15T10:30:00Z",
}
