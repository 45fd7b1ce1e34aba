"""A job's result: the value in its row, or the file that the value describes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.files import files
from apps.core.models import StoredFile
from apps.jobs.domain.results import PURPOSE, file_named_in
from apps.jobs.domain.states import State
from apps.jobs.errors import NoResult
from apps.jobs.models import Job
from apps.jobs.queries import jobs


@dataclass(frozen=True, slots=True)
class Result:
    """`file` is None where `value` is all there is."""

    job: Job
    value: Any
    file: StoredFile | None = None


def get_result(*, actor: Actor, job_id: str) -> Result:
    """What a completed job gave. Raises `NotFound` and, while there is none, `NoResult`."""
    job = jobs.get_job(actor=actor, job_id=job_id)
    if job.state != State.COMPLETED:
        raise NoResult(f"The job has no result: it is {job.state}.")
    return Result(job, job.result, result_file(job))


def result_file(job: Job) -> StoredFile | None:
    """The file of a job's result, if it is one."""
    named = file_named_in(job.result)
    if named is not None:
        with suppress(NotFound):
            return files.find(file_id=named, purpose=PURPOSE, subject=job.public_id)
    return None
