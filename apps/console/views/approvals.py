"""Approvals: the inbox, one request with its evidence, and the click.

The form carries the hash of the evidence it was rendered with and is never refreshed by itself, so that nobody approves
what slid in under their finger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from apps.approvals.domain.states import State
from apps.approvals.errors import AlreadyApproved, ApprovalEnded, ApprovalExpired, EvidenceChanged
from apps.approvals.permissions import ApprovalsPermission
from apps.approvals.queries import approvals as queries
from apps.approvals.queries import policies
from apps.approvals.services import decisions, requests
from apps.console import approval_rows as rows
from apps.console.listing import Column, Listing
from apps.console.page import Page, actor_of, done, show
from apps.console.refusals import refused, signed_in
from apps.console.samples import code_samples
from apps.core import envelopes
from apps.core.actor import Actor
from apps.core.errors import AppError, Invalid, NotFound, PermissionDenied
from apps.core.permissions import has

if TYPE_CHECKING:
    from apps.approvals.models import ApprovalRequest

TOPIC, EVENTS = "workflow.events", "approvals.request"
SHOWN: dict[str, dict[str, Any]] = {
    "me": {"for_me": True},
    "waiting": {"state": State.PENDING.value},
    "all": {},
}
EMPTY = {
    "me": (
        gettext_lazy("Nothing waits for you"),
        gettext_lazy("Requests of others that you may decide on appear here by themselves."),
    ),
    "waiting": (
        gettext_lazy("Nothing waits"),
        gettext_lazy("Promotions and rollouts that a policy asks approval for appear here."),
    ),
    "all": (
        gettext_lazy("Nothing was ever asked for"),
        gettext_lazy("Promotions and rollouts that a policy asks approval for appear here."),
    ),
}
GRAPHQL = 'mutation {\n  approveApproval(id: "%s", evidenceHash: "%s") {\n    approval { state given quorum }\n  }\n}'


@signed_in
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """What waits for the reader first."""
    actor = actor_of(request)
    decides = has(actor, ApprovalsPermission.DECIDE)
    shown = request.GET.get("show", "me" if decides else "waiting")
    shown = shown if shown in SHOWN else "waiting"
    page = Page(
        title=_("Approvals"),
        sentence=_("What others want to do and may not do alone."),
        tabs=approval_tabs(actor, shown),
    )
    found = queries.visible_approvals(actor=actor, **SHOWN[shown])
    samples = code_samples(
        request,
        "GET",
        "/api/v1/approvals?for_me=true",
        graphql="{ approvals(forMe: true) { nodes { id title state } } }",
    )
    table = _listing(shown).pages(request, found)
    return show(request, "console/approvals/index.html", page, table=table, samples=samples)


def approval_tabs(actor: Actor, shown: str) -> list[dict[str, Any]]:
    """The parts of the inbox and, beside them, what fills it."""
    labels = {"me": _("For you"), "waiting": _("All that waits"), "all": _("Everything")}
    if not has(actor, ApprovalsPermission.DECIDE):
        labels.pop("me")
    tabs = [
        {
            "label": label,
            "url": f"{reverse('console:approvals')}?show={name}",
            "is_current": name == shown,
            "count": (queries.count_for(actor) or None) if name == "me" else None,
        }
        for name, label in labels.items()
    ]
    policy_tab = {
        "label": _("Policies"),
        "url": reverse("console:approval-policies"),
        "is_current": shown == "policies",
    }
    return [*tabs, policy_tab]


def _listing(shown: str) -> Listing:
    title, sentence = EMPTY[shown]
    return Listing(
        id="approvals",
        label=_("Approvals"),
        columns=[
            Column(_("What")),
            Column(_("State"), "lamp"),
            Column(_("Approved by"), is_minor=True),
            Column(_("Asked by")),
            Column(_("Asked"), "time", order="created_at"),
            Column(_("Expires"), "time", order="expires_at"),
        ],
        row=rows.row,
        empty={"title": title, "sentence": sentence},
        topic=TOPIC,
        events=EVENTS,
        has_bar=False,
    )


@signed_in
@require_GET
def count(request: HttpRequest) -> HttpResponse:
    """The number in the navigation alone, for whoever keeps it fresh."""
    number = queries.count_for(actor_of(request))
    return HttpResponse(str(number or ""), headers={"Cache-Control": "no-store"})


@signed_in
@require_GET
def detail(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    return _show(request, id)


@signed_in
@require_POST
def approve(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    try:
        approval = decisions.approve(
            actor=actor_of(request),
            approval_id=id,
            comment=request.POST.get("comment", ""),
            evidence_hash=request.POST.get("evidence_hash", ""),
        )
    except AppError as error:
        return _explain(request, id, error)
    text = _("Approved.")
    if approval.state == State.PENDING:
        text = _("Your approval is recorded; it waits for others.")
    return done(request, text, reverse("console:approval", args=[id]))


@signed_in
@require_POST
def reject(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    try:
        decisions.reject(
            actor=actor_of(request),
            approval_id=id,
            reason=request.POST.get("reason", ""),
            evidence_hash=request.POST.get("evidence_hash", ""),
        )
    except AppError as error:
        return _explain(request, id, error)
    where = reverse("console:approval", args=[id])
    return done(request, _("Rejected. Whoever asked reads your reason."), where)


@signed_in
@require_POST
def cancel(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the URL's word
    where = reverse("console:approval", args=[id])
    reason = request.POST.get("reason", "")
    try:
        requests.cancel(actor=actor_of(request), approval_id=id, reason=reason)
    except AppError as error:
        return refused(request, error, where)
    return done(request, _("The request is taken back."), where)


def _explain(request: HttpRequest, approval_id: str, error: AppError) -> HttpResponse:
    """The page as it is now, and above it why the click did not count; what was typed stays."""
    if isinstance(error, NotFound | PermissionDenied):
        raise error
    notice = {"state": "caution", "label": _("Not decided"), "text": _reason(error)}
    return _show(request, approval_id, notice=notice, status=envelopes.status_of(error))


def _reason(error: AppError) -> str:
    match error:
        case EvidenceChanged():
            return _(
                "The evidence changed since you opened this page: look again. "
                "What you see now is the present evidence."
            )
        case ApprovalExpired():
            return _("It expired before you decided. It has to be asked for again.")
        case AlreadyApproved():
            return _("You have approved this already; it waits for others.")
        case ApprovalEnded():
            return _("Somebody was faster: this request has been decided. See the history below.")
        case Invalid(fields=[first, *_rest]):
            return f"{_('Reason') if first.field == 'reason' else _('Comment')}: {first.message}"
    return error.message


def _show(
    request: HttpRequest,
    approval_id: str,
    *,
    notice: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    actor = actor_of(request)
    approval = queries.approval(actor=actor, approval_id=approval_id)
    may_cancel = approval.present_state is State.PENDING and has(
        actor, ApprovalsPermission.CANCEL, approval
    )
    page = Page(
        title=approval.title,
        sentence=_("%(name)s asks for this.") % {"name": approval.requester_name},
        up={"label": _("Approvals"), "url": reverse("console:approvals")},
    )
    deeds = {
        f"{deed}_url": reverse(f"console:approval-{deed}", args=[approval_id])
        for deed in ("approve", "reject", "cancel")
    }
    return show(
        request,
        "console/approvals/detail.html",
        page,
        notice=notice,
        facts=rows.facts(approval, _who_decides(actor, approval)),
        changes=rows.changes(approval),
        evidence=rows.evidence(approval),
        history=rows.history(approval),
        approval=approval,
        ask=_ask(actor, approval, request),
        why_not=_why_not(actor, approval),
        may_cancel=may_cancel,
        topic=TOPIC,
        events=EVENTS,
        samples=code_samples(
            request,
            "POST",
            f"/api/v1/approvals/{approval_id}/approve",
            body={"comment": "Looks right."},
            graphql=GRAPHQL % (approval_id, approval.evidence_hash),
        ),
        status=status,
        **deeds,
    )


def _ask(actor: Actor, approval: ApprovalRequest, request: HttpRequest) -> dict[str, str] | None:
    """What the form holds; None for those who may not decide, or have approved already."""
    is_done = any(each.approver_id == actor.principal for each in approval.standing)
    if not queries.may_decide(actor, approval):
        return None
    return {
        "hash": approval.evidence_hash,
        "comment": request.POST.get("comment", ""),
        "reason": request.POST.get("reason", ""),
        "missing": rows.missing(approval),
        "has_approved": "yes" if is_done else "",
    }


def _why_not(actor: Actor, approval: ApprovalRequest) -> str:
    """Why a reader who sees that it waits has no buttons."""
    if approval.present_state is not State.PENDING or queries.may_decide(actor, approval):
        return ""
    if actor.principal in approval.barred.split():
        return _("You asked for this, or changed its evidence: somebody else decides.")
    if not has(actor, ApprovalsPermission.DECIDE):
        return _("Only members with the approver grant decide.")
    return _("The policy names other people for this decision.")


def _who_decides(actor: Actor, approval: ApprovalRequest) -> str:
    if not approval.approvers:
        return _("anyone with the approver grant but whoever asked")
    return ", ".join(policies.approver_names(actor, approval.approvers.split()).values())
