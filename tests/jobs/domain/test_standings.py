from __future__ import annotations

from typing import Any

import pytest

from apps.jobs.domain.standings import Standing, frame_of, standing_of_event
from apps.jobs.domain.states import State

ID = "job_" + "7" * 32


def standing(status: State, **values: Any) -> Standing:
    given = {"progress": 45.2, "message": "scoring", "seq": 7}
    return Standing(job_id=ID, organization_id=1, status=status, **{**given, **values})


@pytest.mark.parametrize(
    ("at", "frame"),
    [
        (
            standing(State.RUNNING),
            {"type": "progress", "progress": 45.2, "message": "scoring", "status": "running"},
        ),
        (
            standing(State.QUEUED, progress=0.0, message=""),
            {"type": "progress", "progress": 0.0, "message": "Waiting.", "status": "queued"},
        ),
        (
            standing(State.COMPLETED, result={"score": 1}, message=""),
            {
                "type": "complete",
                "progress": 100.0,
                "result": {"score": 1},
                "message": "Done.",
                "status": "completed",
            },
        ),
        (
            standing(State.FAILED, error={"code": "worker_lost", "message": "It died."}),
            {
                "type": "error",
                "error": "worker_lost",
                "message": "It died.",
                "progress": 45.2,
                "status": "failed",
            },
        ),
        (
            standing(State.CANCELLED),
            {
                "type": "error",
                "error": "cancelled",
                "message": "Cancelled.",
                "progress": 45.2,
                "status": "cancelled",
            },
        ),
    ],
)
def test_frame_of_each_state(at: Standing, frame: dict[str, Any]) -> None:
    assert frame_of(at) == {**frame, "job_id": ID, "seq": 7}


def test_standing_of_an_event_that_says_too_little_is_none() -> None:
    assert standing_of_event({"job_id": ID, "status": "running"}, 1) is None


def test_standing_of_a_completed_event_without_its_result_is_not_whole() -> None:
    data = {"job_id": ID, "status": "completed", "progress": 100.0, "message": "", "seq": 9}

    found = standing_of_event({**data, "attempt": 1}, 1)

    assert found is not None
    assert found.is_whole is False
