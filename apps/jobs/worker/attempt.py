"""One attempt at a job, from payload to outcome. Whatever the handler raises becomes an outcome."""

from __future__ import annotations

from typing import Any

import structlog
from pydantic import ValidationError

from apps.core import json as strict_json
from apps.core.errors import AppError
from apps.core.tenancy import organization_scope
from apps.jobs.domain.kinds import Cancelled, Refused, handler_of, kind_named
from apps.jobs.services.outcomes import Outcome
from apps.jobs.worker.context import RunContext

log = structlog.get_logger(__name__)
MAX_RESULT = 1024 * 1024


def run_attempt(context: RunContext) -> Outcome:
    """Run the handler inside its organisation."""
    job = context.job
    kind, handler = kind_named(job.kind), handler_of(job.kind)
    if kind is None or handler is None:
        return _failed(job, "unknown_kind", f"Nobody here handles {job.kind}.", is_final=True)
    try:
        payload = kind.payload.model_validate(job.payload)
        with organization_scope(job.organization_id):
            result = handler(context, payload)
        return _completed(job, result)
    except Cancelled:
        return Outcome(job, is_cancelled=True)
    except Refused as refusal:
        return _failed(job, refusal.code, refusal.message, is_final=True)
    except ValidationError as error:
        return _failed(job, "invalid_payload", str(error.errors()[0]["msg"]), is_final=True)
    except AppError as error:
        return _failed(job, error.code, error.message)
    except Exception as error:
        log.error("job_failed", job=job.public_id, kind=job.kind, exc_info=error)
        return _failed(job, "internal_error", f"The handler failed: {type(error).__name__}.")


def _completed(job: Any, result: Any) -> Outcome:
    if result is not None and len(strict_json.dumps(result)) > MAX_RESULT:
        return _failed(
            job, "result_too_large", f"A result may have {MAX_RESULT} bytes.", is_final=True
        )
    return Outcome(job, result=result)


def _failed(job: Any, code: str, message: str, *, is_final: bool = False) -> Outcome:
    return Outcome(job, error={"code": code, "message": message[:2000]}, is_final=is_final)
