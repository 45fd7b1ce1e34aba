"""Large artefacts: made a version as soon as they are kept, opened later by a worker, then ready or refused.

Until then the version has its number and nothing predicts with it. A check that dies is made again; one that is given
up refuses the version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from apps.core.actor import Actor
from apps.core.errors import AppError, Invalid, TimedOut
from apps.core.files import files
from apps.jobs.domain.kinds import Kind, declare
from apps.jobs.queries import jobs
from apps.jobs.services import queue
from apps.models import topics
from apps.models.enums import VersionStatus
from apps.models.errors import RefusedArtifact
from apps.models.models import ModelVersion
from apps.models.queries.artifacts import PURPOSE, open_artifact
from apps.models.services import examining
from apps.models.services.announcing import deed, hold, tell, touch

if TYPE_CHECKING:
    from apps.jobs.models import Job

LARGE_BYTES = 100 * 1024 * 1024
"""Whoever uploads more does not wait until it was opened."""
SECONDS = 300.0
"""How long opening may take then."""


class CheckPayload(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version: str = Field(max_length=80)


CHECK = declare(
    Kind("models.check", CheckPayload, time_limit=900.0, dedupe=lambda payload: payload.version)
)
REFUSALS = (Invalid, RefusedArtifact, TimedOut)


def begin_check(actor: Actor, version: ModelVersion) -> Job:
    """Within the transaction that makes the version."""
    return queue.enqueue(
        CHECK,
        CheckPayload(version=version.public_id),
        organization_id=version.organization_id,
        actor=actor,
    )


def check_version(*, actor: Actor | None, version_id: str) -> dict[str, Any]:
    """Open it and write down what came of it; what it says. A version that is gone, or was judged before, stays so.

    Raises `Unavailable` when it cannot be opened at present.
    """
    version = _find(version_id)
    if version is not None and version.status == VersionStatus.CHECKING:
        _judge(actor, version)
        version = _find(version_id)
    if version is None:
        return {"version": None, "status": "removed", "refusal": None}
    return {"version": version.label, "status": version.status, "refusal": version.refusal}


def _judge(actor: Actor | None, version: ModelVersion) -> None:
    try:
        examined = examining.examine(
            lambda: open_artifact(version),
            given=version.feature_schema or None,
            example=version.input_example,
            background=version.background,
            seconds=SECONDS,
        )
    except REFUSALS as error:
        refuse_version(actor=actor, version_id=version.public_id, error=error)
    else:
        _settle(actor, version, status=VersionStatus.READY, **examined.columns())


def refuse_version(*, actor: Actor | None, version_id: str, error: AppError) -> None:
    """A version that waits to be opened is refused and its bytes end. One that was judged stays as it is."""
    version = _find(version_id)
    if version is None or version.status != VersionStatus.CHECKING:
        return
    # A version has a file; of a refused one it is an empty one.
    nothing = files.store(
        [],
        organization_id=version.organization_id,
        purpose=PURPOSE,
        limit=0,
        name=version.file.name,
    )
    refusal = {"code": error.code, "message": error.message}
    if not _settle(actor, version, status=VersionStatus.REFUSED, refusal=refusal, file=nothing):
        files.delete(nothing)


def give_up(*, job_id: str) -> None:
    """The job that was to open it failed for good or was cancelled; within the transaction that says so.

    The bytes stay until the version is removed: storage is nothing to wait for there.
    """
    job = jobs.job_by_id(job_id)
    version = _find(str(job.payload["version"]))
    if version is not None:
        said = job.error or {"code": "cancelled", "message": "Opening it was cancelled."}
        _settle(None, version, status=VersionStatus.REFUSED, refusal=said)


def _settle(actor: Actor | None, version: ModelVersion, **columns: Any) -> bool:
    """Whether it still waited for it."""
    with deed():
        hold(version.model)
        held = ModelVersion.objects.select_for_update().filter(pk=version.pk).first()
        if held is None or held.status != VersionStatus.CHECKING:
            return False
        before, former = {"status": held.status}, held.file
        for name, value in columns.items():
            setattr(held, name, value)
        touch(held)
        after = {"version": held.label, "status": held.status, "refusal": held.refusal}
        tell(actor=actor, topic=topics.VERSION_CHECKED, row=held, before=before, after=after)
        if held.file_id != former.pk:
            files.delete(former)
    return True


def _find(version_id: str) -> ModelVersion | None:
    rows = ModelVersion.objects.select_related("model", "file")
    return rows.filter(public_id=version_id).first()
