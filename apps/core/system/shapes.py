"""The bodies of the system doors as JSON Schema with an example each, and the capabilities themselves."""

from __future__ import annotations

from typing import Any


def _shape(example: dict[str, Any]) -> dict[str, Any]:
    """A schema read off an example: these bodies are small and flat, so the example says it all."""
    return {
        "type": "object",
        "properties": {name: _type(value) for name, value in example.items()},
        "example": example,
    }


def _type(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case dict():
            return {"type": "object", "additionalProperties": True}
        case list():
            return {"type": "array", "items": _type(value[0]) if value else {}}
    return {"type": "string"}


HEALTH = _shape(
    {
        "status": "healthy",
        "timestamp": "2026-01-15T10:30:00Z",
        "version": "0.1.0",
        "uptime_seconds": 3600,
        "dependencies": {"database": "connected", "redis": "connected"},
    }
)
STATUS = _shape({"status": "alive"})
READY = _shape({"status": "ready", "problems": []})
DETAILED = _shape(
    {
        "status": "healthy",
        "timestamp": "2026-01-15T10:30:00Z",
        "version": "0.1.0",
        "uptime_seconds": 3600,
        "dependencies": {"database": {"status": "connected", "ms": 0.4, "detail": "sqlite"}},
        "process": {
            "pid": 4711,
            "memory_bytes": 98_000_000,
            "threads": 12,
            "open_files": 31,
            "python": "3.11.7",
        },
        "pool": {"waiting": 0, "threads": 8},
    }
)
CONFIG = _shape(
    {
        "agent_name": "signalbox",
        "agent_type": "gateway",
        "port": 8000,
        "log_level": "info",
        "environment": "production",
        "version": "0.1.0",
        "database": "postgresql",
        "redis": True,
        "workers": 4,
        "doors": {"rest": True, "graphql": True, "websocket": True, "swagger": True},
        "limits": {"default": "100/m"},
    }
)


def capabilities() -> dict[str, Any]:
    """What stands today; each later room adds its own lines here when it opens."""
    return {
        "capabilities": ["api_keys", "audit_trail", "rate_limiting", "live_events", "graphql"],
        "supported_platforms": [],
        "optimization_types": [],
        "workflow_features": [],
        "authentication": ["api_key", "jwt", "session"],
        "api_versions": ["v1"],
    }


CAPABILITIES = _shape(capabilities())
