"""One attempt at a job, from payload to outcome. Whatever the handler raises becomes an outcome."""

from __future__ import annotations

from typing import Any

import structlog
from pydantic import ValidationError

from apps.core import json as strict_json
from apps.core.errors import AppError, TooLarge
from apps.core.tenancy import organization_scope
from apps.jobs.domain.kinds import Cancelled, Kind, Refused, handler_of, kind_named
from apps.jobs.models import Job
from apps.jobs.services import authority, results
from apps.jobs.services.outcomes import Outcome
from apps.jobs.worker.context import RunContext, clean

log = structlog.get_logger(__name__)


def refusal_of(job: Job) -> Outcome | None:
    """Why this job must not even begin here; None when it may."""
    kind = kind_named(job.kind)
    if kind is None or handler_of(job.kind) is None:
        return failed(job, "unknown_kind", f"Nobody here handles {job.kind}.", is_final=True)
    if job.authority and kind.permission is not None:
        actor = authority.actor_of(job)
        if actor is None or kind.permission.value not in actor.permissions:
            return failed(
                job, "creator_not_allowed", "Its creator may not do this any more.", is_final=True
            )
    return None


def run_handler(context: RunContext) -> Outcome:
    """Run the handler inside its organisation."""
    job = context.job
    try:
        return _completed(job, _result_of(context, job))
    except Cancelled:
        return Outcome(job, is_cancelled=True)
    except Refused as refusal:
        return failed(job, refusal.code, refusal.message, is_final=True)
    except TooLarge as error:
        return failed(job, error.code, error.message, is_final=True)
    except AppError as error:
        return failed(job, error.code, error.message)
    except Exception as error:
        log.exception("job_failed", job=job.public_id, kind=job.kind)
        return failed(job, "internal_error", f"The handler failed: {type(error).__name__}.")


def failed(job: Job, code: str, message: str, *, is_final: bool = False) -> Outcome:
    return Outcome(job, error={"code": code, "message": clean(message)}, is_final=is_final)


def _result_of(context: RunContext, job: Job) -> Any:
    kind, handler = kind_named(job.kind), handler_of(job.kind)
    if kind is None or handler is None:
        raise Refused("unknown_kind", f"Nobody here handles {job.kind}.")
    payload = _payload_of(kind, job)
    with organization_scope(job.organization_id):
        return handler(context, payload)


def _payload_of(kind: Kind[Any], job: Job) -> Any:
    try:
        return kind.payload.model_validate(job.payload)
    except ValidationError as error:  # the kind changed since it was submitted
        raise Refused("invalid_payload", str(error.errors()[0]["msg"])) from None


def _completed(job: Job, result: Any) -> Outcome:
    """The result as plain JSON that any database can keep; of a large one that is the description of its file."""
    if result is None:
        return Outcome(job)
    written = strict_json.dumps(result)
    if len(written) > results.MOST_BYTES:
        return Outcome(job, result=results.keep_json(job, written))
    try:
        return Outcome(job, result=strict_json.parse(written))
    except AppError as error:
        return failed(job, "result_unstorable", error.message, is_final=True)
