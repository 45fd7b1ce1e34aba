"""The facts this app announces."""

from __future__ import annotations

from typing import Final

JOB_QUEUED: Final = "jobs.job.queued"
JOB_STARTED: Final = "jobs.job.started"
JOB_PROGRESSED: Final = "jobs.job.progressed"
JOB_COMPLETED: Final = "jobs.job.completed"
JOB_FAILED: Final = "jobs.job.failed"
JOB_CANCELLED: Final = "jobs.job.cancelled"
JOB_RETRIED: Final = "jobs.job.retried"
JOB_CANCEL_REQUESTED: Final = "jobs.job.cancel_requested"
