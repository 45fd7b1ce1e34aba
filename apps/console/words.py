"""What the facts of the audit trail are called on pages, and which lamp stands beside them.

A fact without a line here shows its own name; a test asks for a line for every fact that is declared.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.approvals import topics as approvals
from apps.events.services import deliveries, webhooks
from apps.jobs import topics as jobs
from apps.keys import topics as keys
from apps.models import topics as models
from apps.providers import topics as providers
from apps.tenants import topics as tenants


@dataclass(frozen=True, slots=True)
class Words:
    text: Promise | str
    lamp: str = "off"


FACTS: dict[str, Words] = {
    jobs.JOB_QUEUED: Words(_("Job submitted"), "clear"),
    jobs.JOB_STARTED: Words(_("Job started"), "moving"),
    jobs.JOB_PROGRESSED: Words(_("Job moved on"), "moving"),
    jobs.JOB_COMPLETED: Words(_("Job completed"), "clear"),
    jobs.JOB_FAILED: Words(_("Job failed"), "danger"),
    jobs.JOB_CANCELLED: Words(_("Job cancelled"), "caution"),
    jobs.JOB_RETRIED: Words(_("Job queued again")),
    jobs.JOB_CANCEL_REQUESTED: Words(_("Job asked to stop"), "caution"),
    approvals.REQUEST_CREATED: Words(_("Approval asked for"), "moving"),
    approvals.REQUEST_ENDORSED: Words(_("Approved, and waiting for others"), "moving"),
    approvals.REQUEST_APPROVED: Words(_("Approved"), "clear"),
    approvals.REQUEST_REJECTED: Words(_("Rejected"), "danger"),
    approvals.REQUEST_EXPIRED: Words(_("Approval expired"), "caution"),
    approvals.REQUEST_CANCELLED: Words(_("Approval taken back")),
    approvals.REQUEST_VOIDED: Words(_("Approval void"), "caution"),
    approvals.REQUEST_RENEWED: Words(_("Evidence changed"), "caution"),
    approvals.POLICY_CREATED: Words(_("Approval policy made"), "clear"),
    approvals.POLICY_UPDATED: Words(_("Approval policy changed"), "caution"),
    approvals.POLICY_DELETED: Words(_("Approval policy deleted"), "caution"),
    keys.KEY_CREATED: Words(_("Key made"), "clear"),
    keys.KEY_UPDATED: Words(_("Key changed")),
    keys.KEY_ROTATED: Words(_("Key rotated")),
    keys.KEY_REVOKED: Words(_("Key revoked"), "caution"),
    webhooks.WEBHOOK_CREATED: Words(_("Webhook made"), "clear"),
    webhooks.WEBHOOK_UPDATED: Words(_("Webhook changed")),
    webhooks.WEBHOOK_ROTATED: Words(_("Webhook given a new secret")),
    webhooks.WEBHOOK_TESTED: Words(_("Webhook tested")),
    webhooks.WEBHOOK_REPLAYED: Words(_("Delivery sent again")),
    webhooks.WEBHOOK_DELETED: Words(_("Webhook deleted"), "caution"),
    deliveries.WEBHOOK_DISABLED: Words(_("Webhook disabled after failures"), "danger"),
    providers.PROVIDER_CREATED: Words(_("Provider made"), "clear"),
    providers.PROVIDER_CHANGED: Words(_("Provider changed")),
    providers.PROVIDER_REMOVED: Words(_("Provider deleted"), "caution"),
    providers.PROVIDER_TESTED: Words(_("Provider's connection tested")),
    providers.DEPLOYMENT_CREATED: Words(_("Deployment made"), "clear"),
    providers.DEPLOYMENT_CHANGED: Words(_("Deployment changed")),
    providers.DEPLOYMENT_REMOVED: Words(_("Deployment deleted"), "caution"),
    providers.ROUTE_CREATED: Words(_("Route made"), "clear"),
    providers.ROUTE_CHANGED: Words(_("Route changed"), "moving"),
    providers.ROUTE_REMOVED: Words(_("Route deleted"), "caution"),
    providers.PROMPT_CREATED: Words(_("Prompt made"), "clear"),
    providers.PROMPT_CHANGED: Words(_("Prompt changed")),
    providers.PROMPT_REMOVED: Words(_("Prompt deleted"), "caution"),
    providers.BUDGET_CREATED: Words(_("Budget set"), "clear"),
    providers.BUDGET_CHANGED: Words(_("Budget changed")),
    providers.BUDGET_REMOVED: Words(_("Budget taken away"), "caution"),
    tenants.ORGANIZATION_CREATED: Words(_("Organisation founded"), "clear"),
    tenants.ORGANIZATION_UPDATED: Words(_("Organisation renamed")),
    tenants.MEMBER_ADDED: Words(_("Member joined"), "clear"),
    tenants.MEMBER_ROLE_CHANGED: Words(_("Member's role changed")),
    tenants.MEMBER_REMOVED: Words(_("Member removed"), "caution"),
    tenants.INVITATION_CREATED: Words(_("Invitation sent"), "clear"),
    tenants.INVITATION_ACCEPTED: Words(_("Invitation accepted")),
    tenants.INVITATION_REVOKED: Words(_("Invitation revoked"), "caution"),
    tenants.SERVICE_ACCOUNT_CREATED: Words(_("Service account made"), "clear"),
    tenants.SERVICE_ACCOUNT_UPDATED: Words(_("Service account changed")),
    tenants.USER_UPDATED: Words(_("Person changed by the operator")),
    tenants.PASSWORD_CHANGED: Words(_("Password changed")),
    tenants.SESSION_OPENED: Words(_("Signed in")),
    tenants.SESSION_CLOSED: Words(_("Signed out")),
    tenants.SESSION_REPLAYED: Words(_("Old token shown again"), "danger"),
    models.MODEL_CREATED: Words(_("Model registered"), "clear"),
    models.MODEL_CHANGED: Words(_("Model described anew")),
    models.MODEL_REMOVED: Words(_("Model removed"), "caution"),
    models.VERSION_CREATED: Words(_("Version published"), "clear"),
    models.VERSION_CHECKED: Words(_("Version opened")),
    models.VERSION_CHANGED: Words(_("Version described anew")),
    models.VERSION_REMOVED: Words(_("Version removed"), "caution"),
    models.VERSION_STAGED: Words(_("Version moved"), "clear"),
    models.VERSION_REQUESTED: Words(_("Promotion asked for"), "moving"),
    models.ALIAS_SET: Words(_("Alias moved"), "clear"),
    models.ALIAS_REMOVED: Words(_("Alias removed"), "caution"),
    models.SOURCE_CREATED: Words(_("Source of models made"), "clear"),
    models.SOURCE_CHANGED: Words(_("Source of models changed")),
    models.SOURCE_REMOVED: Words(_("Source of models removed"), "caution"),
    models.SOURCE_SYNCED: Words(_("Source of models followed")),
}


def words_for(fact: str) -> Words:
    return FACTS.get(fact) or Words(fact)
