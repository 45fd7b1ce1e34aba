"""Asking people: the requests that promotions and aliases wait for, and what becomes of them when their version changes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from apps.approvals.errors import ApprovalEnded
from apps.approvals.queries import approvals
from apps.approvals.services import requests
from apps.core.actor import Actor
from apps.models import topics
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.services.announcing import tell

MOST_EVIDENCE = 20
PROMOTION: Final = "model.promotion"
"""What policies of approvals call it."""


def ask_promotion(
    actor: Actor, version: ModelVersion, *, former: ModelVersion | None
) -> str | None:
    """The id of the request, when a policy wants one."""
    model = version.model
    return _ask(
        actor,
        version,
        label="Production",
        former=former,
        title=f"Promote {model.name} {version.label} to Production",
        consequence=f"Predictions of {model.name} will be made by version {version.label}.",
        payload={},
    )


def ask_alias(
    actor: Actor, version: ModelVersion, alias: str, *, former: ModelVersion | None
) -> str | None:
    """The same for an alias: whoever asks for it by name is served as much as whoever asks for production."""
    model = version.model
    return _ask(
        actor,
        version,
        label=f"@{alias}",
        former=former,
        title=f"Let {model.name}@{alias} name {version.label}",
        consequence=f"Whoever asks for {model.name}@{alias} will be answered by version {version.label}.",
        payload={"alias": alias},
    )


def hold_waiting(model: RegisteredModel) -> None:
    """To be called before rows of ours are held: whoever decides holds the request first and them second, as we do then."""
    approval_id = _waiting(model)
    if approval_id is not None:
        requests.lock(approval_id)


def renew(actor: Actor, version: ModelVersion) -> None:
    """The figures of a version changed: who approved the old ones has approved nothing, who changed them decides nothing."""
    approval_id = _waiting(version.model, version)
    if approval_id is not None:
        with suppress(ApprovalEnded):
            requests.renew_evidence(
                actor=actor, approval_id=approval_id, evidence=_evidence(version)
            )


def void(
    actor: Actor, model: RegisteredModel, version: ModelVersion | None = None, *, reason: str
) -> None:
    """What people were asked about is gone: the version, or the whole model."""
    approval_id = _waiting(model, version)
    if approval_id is not None:
        with suppress(ApprovalEnded):
            requests.void_request(actor=actor, approval_id=approval_id, reason=reason)


def _ask(
    actor: Actor,
    version: ModelVersion,
    *,
    label: str,
    former: ModelVersion | None,
    title: str,
    consequence: str,
    payload: Mapping[str, Any],
) -> str | None:
    model = version.model
    request = requests.request_approval(
        actor=actor,
        kind=PROMOTION,
        subject_id=model.public_id,
        subject_name=model.name,
        subject_url=f"/console/models/{model.public_id}",
        title=title,
        consequence=consequence,
        changes=[
            {"label": label, "before": former.label if former else None, "after": version.label}
        ],
        evidence=_evidence(version),
        payload={
            "version": version.public_id,
            "former": former.public_id if former else None,
            **payload,
        },
    )
    if request is None:
        return None
    after = {"version": version.label, **payload, "approval": request.public_id}
    tell(actor=actor, topic=topics.VERSION_REQUESTED, row=version, after=after)
    return request.public_id


def _evidence(version: ModelVersion) -> list[dict[str, Any]]:
    return [
        {"claim": f"{name} is {value:g}", "value": value}
        for name, value in list(version.metrics.items())[:MOST_EVIDENCE]
    ]


def _waiting(model: RegisteredModel, version: ModelVersion | None = None) -> str | None:
    """The id of what waits on the model, or on this version of it."""
    request = approvals.waiting(
        organization_id=model.organization_id, kind=PROMOTION, subject_id=model.public_id
    )
    if request is None or (version and request.payload["version"] != version.public_id):
        return None
    return request.public_id
