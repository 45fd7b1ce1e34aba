"""What a follower of a job is shown: a job's state at one moment, and the frames of its stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.jobs.domain.states import FINAL, State

WORDS = {State.QUEUED: "Waiting.", State.COMPLETED: "Done.", State.CANCELLED: "Cancelled."}


@dataclass(frozen=True, slots=True)
class Standing:
    """One job at one moment. `is_whole` is false where the result was too large to keep at hand."""

    job_id: str
    organization_id: int
    status: State
    progress: float
    message: str
    seq: int
    attempt: int = 0
    steps: tuple[Mapping[str, Any], ...] = ()
    started_at: datetime | None = None
    result: Any = None
    error: Mapping[str, str] | None = None
    is_whole: bool = True

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


def standing_of_event(data: Mapping[str, Any], organization_id: int) -> Standing | None:
    """What a live event says of its job; None when it does not say enough."""
    if "seq" not in data:
        return None
    started_at = data.get("started_at")
    return Standing(
        job_id=data["job_id"],
        organization_id=organization_id,
        status=State(data["status"]),
        progress=data["progress"],
        message=data["message"],
        seq=data["seq"],
        attempt=data["attempt"],
        steps=tuple(data.get("steps", ())),
        started_at=datetime.fromisoformat(started_at)
        if isinstance(started_at, str)
        else started_at,
        result=data.get("result"),
        error=data.get("error"),
        is_whole=State(data["status"]) is not State.COMPLETED or "result" in data,
    )


def frame_of(standing: Standing) -> dict[str, Any]:
    """One frame of the stream, the same for WebSocket, SSE and GraphQL."""
    match standing.status:
        case State.COMPLETED:
            kind = {"type": "complete", "progress": 100.0, "result": standing.result}
        case State.FAILED | State.CANCELLED:
            kind = {"type": "error", "error": _code(standing), "progress": standing.progress}
        case _:
            kind = {"type": "progress", "progress": standing.progress}
    return {
        **kind,
        "message": _message(standing),
        "job_id": standing.job_id,
        "status": standing.status.value,
        "seq": standing.seq,
    }


def _code(standing: Standing) -> str:
    if standing.status is State.CANCELLED:
        return "cancelled"
    return (standing.error or {}).get("code", "failed")


def _message(standing: Standing) -> str:
    if standing.status is State.FAILED and standing.error:
        return standing.error.get("message", "")
    if standing.status in (State.CANCELLED, State.QUEUED):
        return WORDS[standing.status]
    return standing.message or WORDS.get(standing.status, "")
