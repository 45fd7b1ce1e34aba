"""What this app refuses.

AppError
├── Conflict
│   ├── JobEnded      cancelling or adding to what has ended
│   ├── JobNotEnded   retrying what runs, waits or is completed
│   └── NoResult      asking for what a job has not given, or not yet
└── Limited
    └── QueueFull     an organisation has as many jobs waiting as it may
"""

from __future__ import annotations

from apps.core.errors import Conflict, Limited


class JobEnded(Conflict):
    code = "job_ended"
    message = "The job has already ended."


class JobNotEnded(Conflict):
    code = "job_not_retryable"
    message = "Only a failed or cancelled job can be tried again."


class NoResult(Conflict):
    code = "no_result"
    message = "The job has no result."


class QueueFull(Limited):
    code = "queue_full"
    message = "Your organization has as many jobs waiting as it may. Try again when some are done."
