"""What the plain views of jobs answer, as the OpenAPI document shows it, and the examples of the others."""

from __future__ import annotations

from typing import Any

from apps.jobs.domain.priorities import WORDS
from apps.jobs.domain.states import State

ID = "job_7d0f3b5c9a1e4c2f8b6d4a2c0e8f6b4d"
STATES = [state.value for state in State]
STEPS: list[dict[str, Any]] = [
    {
        "name": "load",
        "started_at": "2026-01-15T10:30:00.120000+00:00",
        "ended_at": "2026-01-15T10:30:04.900000+00:00",
    },
    {"name": "score", "started_at": "2026-01-15T10:30:04.900000+00:00", "ended_at": None},
]

JOB: dict[str, Any] = {
    "id": ID,
    "job_id": ID,
    "kind": "demo.sleep",
    "status": "running",
    "priority": "normal",
    "progress": 45.2,
    "message": "score",
    "steps": STEPS,
    "estimated_completion": "2026-01-15T10:30:18Z",
    "attempts": 1,
    "max_attempts": 3,
    "payload": {"seconds": 10},
    "result": None,
    "error": None,
    "callback_url": "",
    "created_by": {"id": "user_0b7e8a1c5d2f4e6a9c3b1d8f7e6a5c4d", "name": "Ada"},
    "parent": None,
    "children": None,
    "run_at": "2026-01-15T10:30:00Z",
    "created_at": "2026-01-15T10:30:00Z",
    "started_at": "2026-01-15T10:30:00.120000Z",
    "finished_at": None,
    "cancel_requested_at": None,
    "links": {
        "status": f"/api/v1/job/{ID}/status",
        "stream": f"/api/v1/job/{ID}/stream",
        "events": f"/api/v1/jobs/{ID}/events",
        "cancel": f"/api/v1/jobs/{ID}/cancel",
        "result": f"/api/v1/jobs/{ID}/result",
    },
}
TICKET = {"job_id": ID, "status": "queued", **{n: JOB[n] for n in ("created_at", "links")}}

RESULT = {"slept": 10.0, "steps": 1}
FILE = {
    "file": "file_3c1d8f7e6a5c4d0b7e8a1c5d2f4e6a9b",
    "name": f"{ID}.json",
    "content_type": "application/json",
    "size": 2621440,
    "digest": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "url": f"/api/v1/jobs/{ID}/result",
}

STATUS: dict[str, Any] = {
    "type": "object",
    "required": ["job_id", "status", "progress"],
    "properties": {
        "job_id": {"type": "string"},
        "status": {"type": "string", "enum": STATES},
        "progress": {"type": "number", "minimum": 0, "maximum": 100},
        "message": {"type": "string"},
        "steps": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
        "attempts": {"type": "integer"},
        "estimated_completion": {"type": ["string", "null"], "format": "date-time"},
        "result": {},
        "error": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
        "seq": {"type": "integer", "description": "For `?after=` of the stream."},
    },
    "example": {
        **{name: JOB[name] for name in ("job_id", "status", "progress", "message", "steps")},
        **{name: JOB[name] for name in ("attempts", "estimated_completion", "result", "error")},
        "seq": 1045201,
    },
}

FRAME: dict[str, Any] = {
    "type": "object",
    "required": ["type", "seq"],
    "properties": {
        "type": {"type": "string", "enum": ["progress", "complete", "error"]},
        "progress": {"type": "number"},
        "message": {"type": "string"},
        "job_id": {"type": "string"},
        "status": {"type": "string", "enum": STATES},
        "result": {},
        "error": {"type": "string"},
        "seq": {"type": "integer"},
    },
    "example": {
        "type": "progress",
        "progress": 45.2,
        "message": "score",
        "job_id": ID,
        "status": "running",
        "seq": 1045201,
    },
}

KINDS: dict[str, Any] = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "permission": {"type": "string"},
                    "time_limit": {"type": "number"},
                    "max_attempts": {"type": "integer"},
                    "payload": {"type": "object", "additionalProperties": True},
                },
            },
        }
    },
    "example": {
        "data": [
            {
                "name": "demo.sleep",
                "permission": "jobs.job.create",
                "time_limit": 600.0,
                "max_attempts": 3,
                "payload": {
                    "type": "object",
                    "properties": {"seconds": {"type": "number"}},
                    "required": ["seconds"],
                },
            }
        ]
    },
}
ANYTHING: dict[str, Any] = {"description": "Whatever its kind gives.", "example": RESULT}
PRIORITIES = list(WORDS)
