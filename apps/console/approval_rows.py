"""How an approval is told: rows, evidence cards, changes, and its history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.approvals.domain.states import State
from apps.approvals.enums import Verdict

if TYPE_CHECKING:
    from apps.approvals.models import ApprovalRequest, Decision

LAMPS = {
    State.PENDING: "caution",
    State.APPROVED: "clear",
    State.REJECTED: "danger",
    State.EXPIRED: "off",
    State.CANCELLED: "off",
    State.VOID: "off",
}
WORDS = {
    State.PENDING: gettext_lazy("Waiting"),
    State.APPROVED: gettext_lazy("Approved"),
    State.REJECTED: gettext_lazy("Rejected"),
    State.EXPIRED: gettext_lazy("Expired"),
    State.CANCELLED: gettext_lazy("Taken back"),
    State.VOID: gettext_lazy("Void"),
}
VERDICTS = {
    "passed": ("clear", gettext_lazy("Passed")),
    "failed": ("danger", gettext_lazy("Failed")),
    "undecided": ("caution", gettext_lazy("Undecided")),
    "unknown": ("off", gettext_lazy("Not judged")),
}
ENDINGS = {
    State.APPROVED: gettext_lazy("Enough have approved"),
    State.REJECTED: gettext_lazy("The request is rejected"),
    State.EXPIRED: gettext_lazy("Nobody decided in time"),
    State.CANCELLED: gettext_lazy("Taken back"),
    State.VOID: gettext_lazy("No longer valid"),
}


def row(request: ApprovalRequest) -> dict[str, Any]:
    state = request.present_state
    return {
        "id": request.public_id,
        "url": reverse("console:approval", args=[request.public_id]),
        "label": request.title,
        "cells": [
            {"value": request.title, "note": request.kind},
            {"state": LAMPS[state], "value": WORDS[state]},
            {"value": given(request)},
            {"value": request.requester_name},
            {"at": request.created_at},
            {"at": request.expires_at if state is State.PENDING else None},
        ],
    }


def given(request: ApprovalRequest) -> str:
    """How many of how many."""
    count = sum(each.verdict == Verdict.APPROVE for each in request.standing)
    return _("%(given)d of %(quorum)d") % {"given": count, "quorum": request.quorum}


def facts(request: ApprovalRequest, approvers: str) -> list[dict[str, Any]]:
    state = request.present_state
    rows: list[dict[str, Any]] = [
        {"label": _("State"), "kind": "lamp", "state": LAMPS[state], "value": WORDS[state]},
        {"label": _("Asked by"), "value": request.requester_name},
        {"label": _("About"), "value": request.subject_name, "url": request.subject_url},
        {"label": _("Approved by"), "value": given(request)},
        {"label": _("May decide"), "value": approvers},
        {"label": _("Asked"), "kind": "time", "at": request.created_at},
    ]
    if state is State.PENDING:
        rows.append({"label": _("Expires"), "kind": "time", "at": request.expires_at})
    elif request.decided_at:
        rows.append({"label": _("Ended"), "kind": "time", "at": request.decided_at})
    if request.reason:
        rows.append({"label": _("Reason"), "value": request.reason})
    if request.policy.get("name"):
        rows.append({"label": _("Policy"), "value": request.policy["name"]})
    return rows


def changes(request: ApprovalRequest) -> list[dict[str, Any]]:
    return [
        {
            "label": each["label"],
            "old": _plain(each.get("before")),
            "new": _plain(each.get("after")),
        }
        for each in request.changes
    ]


def evidence(request: ApprovalRequest) -> list[dict[str, Any]]:
    return [_card(item) for item in request.evidence]


def _card(item: dict[str, Any]) -> dict[str, Any]:
    lamp, word = VERDICTS[item.get("verdict", "unknown")]
    figures = {name: _plain(item.get(name)) for name in ("value", "low", "high", "threshold")}
    return {**item, **figures, "verdict": {"state": lamp, "label": word}}


def _plain(value: Any) -> Any:
    """Texts and numbers as they are, so that no language rewrites a figure; the rest as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict) else None)


def history(request: ApprovalRequest) -> list[dict[str, Any]]:
    """Newest first."""
    entries = [
        {
            "text": _("Asked for"),
            "state": "moving",
            "actor": request.requester_name,
            "at": request.created_at,
        }
    ]
    entries += [_decided(each) for each in request.decisions.all()]
    state = request.present_state
    if state in ENDINGS and state is not State.REJECTED:
        entries.append(
            {
                "text": ENDINGS[state],
                "state": LAMPS[state],
                "at": request.decided_at or request.expires_at,
                "detail": request.reason,
            }
        )
    return entries[::-1]


def _decided(decision: Decision) -> dict[str, Any]:
    is_approval = decision.verdict == Verdict.APPROVE
    text = _("Approved") if is_approval else _("Rejected")
    lamp = "clear" if is_approval else "danger"
    if decision.lapsed_at is not None:
        text = _("Approved, but it lapsed: the evidence changed, or they thought better of it")
        lamp = "off"
    return {
        "text": text,
        "state": lamp,
        "actor": decision.approver_name,
        "at": decision.at,
        "detail": decision.comment,
    }


def missing(request: ApprovalRequest) -> str:
    """How many more it takes after this reader's click."""
    count = sum(each.verdict == Verdict.APPROVE for each in request.standing)
    left = request.quorum - count - 1
    if left <= 0:
        return ""
    text = ngettext(
        "After you it waits for %(count)d more person.",
        "After you it waits for %(count)d more people.",
        left,
    )
    return text % {"count": left}
