"""Where a job's result is had, and how the description of one that is a file is told from any other."""

from __future__ import annotations

from typing import Any

PURPOSE = "jobs.result"


def address_of(job_id: str) -> str:
    """The address of the result alone, in the row or in a file."""
    return f"/api/v1/jobs/{job_id}/result"


def file_named_in(result: Any) -> str | None:
    """The id of the file that a result describes; a handler may give its own result the same look, so look it up."""
    named = result.get("file") if isinstance(result, dict) else None
    return named if isinstance(named, str) and named.startswith("file_") else None


def links_of(job_id: str) -> dict[str, Any]:
    """Where a job is followed, ended and read."""
    return {
        "status": f"/api/v1/job/{job_id}/status",
        "stream": f"/api/v1/job/{job_id}/stream",
        "events": f"/api/v1/jobs/{job_id}/events",
        "cancel": f"/api/v1/jobs/{job_id}/cancel",
        "result": address_of(job_id),
    }
