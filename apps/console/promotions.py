"""Moving a version from stage to stage: the buttons, the questions before it happens, and what waits for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.approvals.queries import approvals, policies
from apps.console.model_tabs import address
from apps.console.page import Action
from apps.console.version_rows import STAGES, STATES, is_ready
from apps.core.actor import Actor
from apps.models.enums import Stage, VersionStatus
from apps.models.queries import registry as queries
from apps.models.services.asking import PROMOTION

if TYPE_CHECKING:
    from apps.models.models import ModelVersion, RegisteredModel

OFFERED: Final = (Stage.PRODUCTION, Stage.STAGING, Stage.ARCHIVED)


def possible(version: ModelVersion) -> list[Stage]:
    """What is not ready does not serve; it may still be put away."""
    offered = OFFERED if is_ready(version) else (Stage.ARCHIVED,)
    return [stage for stage in offered if stage != version.stage]


def actions_of(version: ModelVersion) -> list[Action]:
    return [
        Action(
            _("Promote") if stage is Stage.PRODUCTION else _label(stage),
            dialog=_dialog(version, stage),
            is_primary=stage is Stage.PRODUCTION,
        )
        for stage in possible(version)
    ]


def promotion_of(version: ModelVersion) -> Action | None:
    """The button where several versions stand side by side; None for one that serves, or cannot."""
    if Stage.PRODUCTION not in possible(version):
        return None
    label = _("Promote %(version)s") % {"version": version.label}
    return Action(label, dialog=_dialog(version, Stage.PRODUCTION), is_primary=True)


def questions(
    actor: Actor, version: ModelVersion, stages: tuple[Stage, ...] = OFFERED
) -> list[dict[str, Any]]:
    """A question for each stage it can be moved to, naming what happens. Where a policy says so, it asks people."""
    serving = queries.detail(actor=actor, name=version.model.public_id).serving
    former = serving if serving is not None and serving.stage == Stage.PRODUCTION else None
    is_asked = needs_approval(version.model)
    return [
        _question(version, stage, former, is_asked=is_asked and stage is Stage.PRODUCTION)
        for stage in possible(version)
        if stage in stages
    ]


def needs_approval(model: RegisteredModel) -> bool:
    found = policies.policy_for(
        organization_id=model.organization_id, kind=PROMOTION, name=model.name
    )
    return found is not None


def notices_of(version: ModelVersion) -> list[dict[str, Any]]:
    """What `notice.html` takes: why it does not serve, and that people are asked about it."""
    found = [] if is_ready(version) else [_unready(version)]
    request = approvals.waiting(
        organization_id=version.organization_id, kind=PROMOTION, subject_id=version.model.public_id
    )
    if request is not None and request.payload.get("version") == version.public_id:
        url = reverse("console:approval", args=[request.public_id])
        found.append(
            {
                "state": "moving",
                "label": _("Waits for approval"),
                "text": request.title,
                "action": Action(_("Look at it"), url=url, is_small=True),
            }
        )
    return found


def _unready(version: ModelVersion) -> dict[str, Any]:
    said = STATES[VersionStatus(version.status)]
    text = _("Its file is opened in a limited process first. It cannot serve before.")
    if version.status == VersionStatus.REFUSED:
        text = (version.refusal or {}).get("message", "")
    return {"state": said["state"], "label": said["value"], "text": text}


def _dialog(version: ModelVersion, stage: Stage) -> str:
    return f"to-{stage.lower()}-{version.number}"


def _label(stage: Stage) -> str:
    return _("To staging") if stage is Stage.STAGING else _("Archive")


def _question(
    version: ModelVersion, stage: Stage, former: ModelVersion | None, *, is_asked: bool
) -> dict[str, Any]:
    words = {"version": version.label, "stage": STAGES[stage], "model": version.model.name}
    changes = [{"label": version.label, "old": STAGES[version.stage], "new": STAGES[stage]}]
    if stage is Stage.PRODUCTION and former is not None:
        archived = STAGES[Stage.ARCHIVED]
        changes.append({"label": former.label, "old": STAGES[former.stage], "new": archived})
    label = _("Promote") if stage is Stage.PRODUCTION else _label(stage)
    return {
        "id": _dialog(version, stage),
        "title": _("Move %(model)s %(version)s to %(stage)s?") % words,
        "consequence": _consequence(version, stage, former, is_asked=is_asked),
        "submit_label": _("Ask for approval") if is_asked else label,
        "changes": changes,
        "fields": [
            {"name": "stage", "value": stage.value},
            {"name": "revision", "value": version.revision},
        ],
        "url": reverse("console:model-stage", args=[address(version.model), version.label]),
    }


def _consequence(
    version: ModelVersion, stage: Stage, former: ModelVersion | None, *, is_asked: bool
) -> str:
    words = {"version": version.label, "model": version.model.name}
    if stage is Stage.PRODUCTION:
        text = _("Calls of %(model)s are answered by %(version)s from then on.") % words
        if former is not None:
            text += " " + _("%(former)s is archived.") % {"former": former.label}
        asked = _("People are asked to approve it first; nothing moves before they did.")
        return f"{asked} {text}" if is_asked else text
    if version.stage == Stage.PRODUCTION:
        return _("Nothing is in production then: calls of %(model)s are refused.") % words
    return _("It does not serve under the model's name alone.")
