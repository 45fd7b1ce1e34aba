"""What holds for every page: who may open it, what it never holds, where a forged form ends."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.console.urls import urlpatterns
from apps.conversations.enums import Visibility
from apps.core.actor import Role
from apps.core.asgi.headers import PAGE_POLICY
from apps.core.tenancy import organization_scope
from apps.events.models import AuditEntry
from apps.keys.models import ApiKey
from tests.factories.approvals import make_approval, make_policy
from tests.factories.console import Visitor, page, title
from tests.factories.conversations import make_conversation, make_message
from tests.factories.events import make_entry
from tests.factories.jobs import make_job
from tests.factories.keys import make_key
from tests.factories.models import make_model, make_version
from tests.factories.predictions import make_prediction
from tests.factories.providers import (
    make_deployment,
    make_prompt,
    make_route,
    make_route_version,
)
from tests.factories.sources import make_source
from tests.factories.tenants import (
    actor_of,
    make_invitation,
    make_member,
    make_service_account,
)
from tests.factories.usage import make_budget, make_usage, record_of
from tests.factories.webhooks import make_delivery, make_webhook

EVERYBODY = {"admin": 200, "user": 200, "viewer": 200}
MAKERS = {"admin": 200, "user": 200, "viewer": 403}
ADMINS = {"admin": 200, "user": 403, "viewer": 403}

PAGES = {
    "home": ("/console/", EVERYBODY),
    "playground": ("/console/playground", MAKERS),
    "chat": ("/console/chat", EVERYBODY),
    "chat-new": ("/console/chat/new", EVERYBODY),
    "chat-list": ("/console/chat/list", EVERYBODY),
    "chat-compare": ("/console/chat/compare", MAKERS),
    "chat-conversation": ("/console/chat/{conversation}", EVERYBODY),
    "chat-parts": ("/console/chat/{conversation}/messages", EVERYBODY),
    "approvals": ("/console/inbox", EVERYBODY),
    "approval": ("/console/inbox/{approval}", EVERYBODY),
    "approval-policies": ("/console/inbox/policies", EVERYBODY),
    "approval-policy-new": ("/console/inbox/policies/new", ADMINS),
    "approval-policy": ("/console/inbox/policies/{policy}", EVERYBODY),
    "usage": ("/console/usage", EVERYBODY),
    "requests": ("/console/requests", EVERYBODY),
    "request": ("/console/requests/{call}", EVERYBODY),
    "prompts": ("/console/prompts", EVERYBODY),
    "prompt-new": ("/console/prompts/new", MAKERS),
    "prompt": ("/console/prompts/{prompt}", EVERYBODY),
    "prompt-diff": ("/console/prompts/{prompt}/diff", EVERYBODY),
    "prompt-version-new": ("/console/prompts/{prompt}/versions/new", MAKERS),
    "models": ("/console/models", EVERYBODY),
    "model-new": ("/console/models/new", MAKERS),
    "model": ("/console/models/{model}", EVERYBODY),
    "model-try": ("/console/models/{model}/try", MAKERS),
    "model-predictions": ("/console/models/{model}/predictions", EVERYBODY),
    "model-prediction": ("/console/models/{model}/predictions/{prediction}", EVERYBODY),
    "model-performance": ("/console/models/{model}/performance", EVERYBODY),
    "model-compare": ("/console/models/{model}/compare", EVERYBODY),
    "model-version-new": ("/console/models/{model}/versions/new", MAKERS),
    "model-version": ("/console/models/{model}/versions/1", EVERYBODY),
    "model-sources": ("/console/model-sources", EVERYBODY),
    "model-source-new": ("/console/model-sources/new", ADMINS),
    "model-source": ("/console/model-sources/{source}", EVERYBODY),
    "model-source-edit": ("/console/model-sources/{source}/edit", ADMINS),
    "budgets": ("/console/budgets", EVERYBODY),
    "budget-new": ("/console/budgets/new", ADMINS),
    "budget": ("/console/budgets/{budget}", EVERYBODY),
    "routes": ("/console/routes", EVERYBODY),
    "route-new": ("/console/routes/new", ADMINS),
    "route": ("/console/routes/{route}", EVERYBODY),
    "route-edit": ("/console/routes/{route}/edit", ADMINS),
    "route-version": ("/console/routes/{route}/versions/1", EVERYBODY),
    "providers": ("/console/providers", EVERYBODY),
    "provider-new": ("/console/providers/new", ADMINS),
    "provider": ("/console/providers/{provider}", EVERYBODY),
    "provider-edit": ("/console/providers/{provider}/edit", ADMINS),
    "provider-models": ("/console/providers/{provider}/models", ADMINS),
    "deployment-new": ("/console/providers/{provider}/deployments/new", ADMINS),
    "deployment": ("/console/providers/deployments/{deployment}", EVERYBODY),
    "deployment-edit": ("/console/providers/deployments/{deployment}/edit", ADMINS),
    "jobs": ("/console/jobs", EVERYBODY),
    "job": ("/console/jobs/{job}", EVERYBODY),
    "keys": ("/console/keys", EVERYBODY),
    "key-new": ("/console/keys/new", MAKERS),
    "key": ("/console/keys/{key}", EVERYBODY),
    "key-edit": ("/console/keys/{key}/edit", ADMINS),
    "members": ("/console/members", EVERYBODY),
    "invite": ("/console/members/invite", ADMINS),
    "member": ("/console/members/{member}", EVERYBODY),
    "service-accounts": ("/console/service-accounts", EVERYBODY),
    "service-account-new": ("/console/service-accounts/new", ADMINS),
    "service-account": ("/console/service-accounts/{account}", EVERYBODY),
    "webhooks": ("/console/webhooks", ADMINS),
    "webhook-new": ("/console/webhooks/new", ADMINS),
    "webhook": ("/console/webhooks/{webhook}", ADMINS),
    "webhook-edit": ("/console/webhooks/{webhook}/edit", ADMINS),
    "delivery": ("/console/webhooks/deliveries/{delivery}", ADMINS),
    "audit": ("/console/audit", ADMINS),
    "audit-entry": ("/console/audit/{entry}", ADMINS),
    "settings": ("/console/settings", EVERYBODY),
    "account": ("/console/account", EVERYBODY),
    "styleguide": ("/console/styleguide", EVERYBODY),
}
DEEDS = {
    "switch": "/console/switch",
    "approval-approve": "/console/inbox/{approval}/approve",
    "approval-reject": "/console/inbox/{approval}/reject",
    "approval-cancel": "/console/inbox/{approval}/cancel",
    "approval-policy-delete": "/console/inbox/policies/{policy}/delete",
    "route-restore": "/console/routes/{route}/versions/1/restore",
    "route-delete": "/console/routes/{route}/delete",
    "provider-test": "/console/providers/{provider}/test",
    "provider-delete": "/console/providers/{provider}/delete",
    "deployment-delete": "/console/providers/deployments/{deployment}/delete",
    "playground-samples": "/console/playground/samples",
    "prompt-try": "/console/prompts/{prompt}/try",
    "prompt-label": "/console/prompts/{prompt}/label",
    "prompt-unlabel": "/console/prompts/{prompt}/unlabel",
    "prompt-remove": "/console/prompts/{prompt}/remove",
    "model-alias": "/console/models/{model}/alias",
    "model-unalias": "/console/models/{model}/unalias",
    "model-remove": "/console/models/{model}/remove",
    "model-prediction-outcome": "/console/models/{model}/predictions/{prediction}/outcome",
    "model-stage": "/console/models/{model}/versions/1/stage",
    "model-version-remove": "/console/models/{model}/versions/1/remove",
    "model-source-sync": "/console/model-sources/{source}/sync",
    "model-source-remove": "/console/model-sources/{source}/remove",
    "budget-remove": "/console/budgets/{budget}/remove",
    "jobs-cancel": "/console/jobs/cancel",
    "job-cancel": "/console/jobs/{job}/cancel",
    "job-retry": "/console/jobs/{job}/retry",
    "key-rotate": "/console/keys/{key}/rotate",
    "key-revoke": "/console/keys/{key}/revoke",
    "member-remove": "/console/members/{member}/remove",
    "invitation-revoke": "/console/invitations/{invitation}/revoke",
    "service-account-switch": "/console/service-accounts/{account}/switch",
    "webhook-test": "/console/webhooks/{webhook}/test",
    "webhook-replay": "/console/webhooks/{webhook}/replay",
    "webhook-rotate": "/console/webhooks/{webhook}/rotate",
    "webhook-switch": "/console/webhooks/{webhook}/switch",
    "webhook-delete": "/console/webhooks/{webhook}/delete",
    "delivery-replay": "/console/webhooks/deliveries/{delivery}/replay",
}
FORMS = [
    "approval-policy-new",
    "approval-policy",
    "prompt-new",
    "prompt-version-new",
    "model-new",
    "model-version-new",
    "model-source-new",
    "model-source-edit",
    "budget-new",
    "budget",
    "playground",
    "route-new",
    "route-edit",
    "provider-new",
    "provider-edit",
    "provider-models",
    "deployment-new",
    "deployment-edit",
    "key-new",
    "key-edit",
    "invite",
    "member",
    "service-account-new",
    "service-account",
    "webhook-new",
    "webhook-edit",
    "settings",
]
APPROVERS = {"approval-approve", "approval-reject"}
"""Refused to an admin without the grant before anything is looked up; `tests/approvals` tries them with it."""
NOBODY_NEEDED = {"login", "logout", "invitation", "approvals-count", None}


@dataclass(frozen=True)
class Things:
    """One thing of each kind, by the word its address uses."""

    key: str
    member: str
    account: str
    invitation: str
    entry: str
    job: str
    webhook: str
    delivery: str
    call: str
    prompt: str
    model: str
    prediction: str
    source: str
    budget: str
    route: str
    deployment: str
    provider: str
    conversation: str
    approval: str
    policy: str

    def at(self, path: str) -> str:
        return path.format(**vars(self))


def things_of(organization) -> Things:
    member = make_member(organization, Role.USER)
    webhook = make_webhook(organization)
    delivery = make_delivery(webhook)
    call = make_usage(organization, at=timezone.now())
    deployment = make_deployment(organization)
    route = make_route(organization, targets=[deployment])
    make_route_version(route)
    version = make_version(make_model(organization))
    return Things(
        key=make_key(member).key.public_id,
        member=member.public_id,
        account=make_service_account(organization).public_id,
        invitation=make_invitation(organization)[0].public_id,
        entry=make_entry(organization).public_id,
        job=make_job(organization, by=member).public_id,
        webhook=webhook.public_id,
        delivery=delivery.public_id,
        call=record_of(call),
        prompt=make_prompt(organization).public_id,
        model=version.model.public_id,
        prediction=make_prediction(version, at=timezone.now()).public_id,
        source=make_source(organization).public_id,
        budget=make_budget(organization, scope="end_user", subject=call.request_id).public_id,
        route=route.public_id,
        deployment=deployment.public_id,
        provider=deployment.provider.public_id,
        conversation=_shown_conversation(member),
        approval=make_approval(actor_of(member)).public_id,
        policy=make_policy(actor_of(make_member(organization, Role.ADMIN))).public_id,
    )


def _shown_conversation(member) -> str:
    row = make_conversation(actor_of(member), visibility=Visibility.ORGANIZATION)
    make_message(row, make_message(row))
    return row.public_id


@pytest.fixture
def things(organization):
    return things_of(organization)


def test_every_address_is_tested_here():
    named = {pattern.name for pattern in urlpatterns}

    assert named == {*PAGES, *DEEDS, *NOBODY_NEEDED}


@pytest.mark.parametrize("name", PAGES)
def test_page_by_a_stranger_leads_to_sign_in(name, things):
    path = things.at(PAGES[name][0])

    answer = Visitor().get(path)

    assert (answer.status, answer.body) == (302, b"")
    assert answer.headers["location"] == f"/console/login?next={path.replace('/', '%2F')}"


@pytest.mark.parametrize("name", [*DEEDS, *FORMS])
def test_deed_by_a_stranger_leads_to_sign_in_and_not_back(name, things):
    path = things.at(DEEDS.get(name) or PAGES[name][0])

    answer = Visitor().post(path)

    assert (answer.status, answer.headers["location"]) == (302, "/console/login")


@pytest.mark.parametrize("role", ["admin", "user", "viewer"])
@pytest.mark.parametrize("name", PAGES)
def test_page_by_role(name, role, things, organization):
    path, statuses = PAGES[name]

    answer = Visitor(make_member(organization, Role(role))).get(things.at(path))

    assert answer.status == statuses[role]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == PAGE_POLICY


@pytest.mark.parametrize("name", [name for name, (path, _) in PAGES.items() if "{" in path])
def test_page_of_another_organization_is_missing(name, at_admin, stranger):
    foreign = things_of(stranger.organization)

    answer = at_admin.get(foreign.at(PAGES[name][0]))

    assert (answer.status, title(answer)) == (404, "There is nothing here")


@pytest.mark.parametrize(
    "name", [name for name, path in DEEDS.items() if "{" in path and name not in APPROVERS]
)
def test_deed_on_another_organization_is_missing(name, at_admin, stranger):
    foreign = things_of(stranger.organization)

    answer = at_admin.post(foreign.at(DEEDS[name]), {"grace_seconds": 0, "is_active": "no"})

    assert answer.status == 404
    with organization_scope(stranger.organization_id):
        assert ApiKey.objects.get(public_id=foreign.key).revoked_at is None


@pytest.mark.parametrize("name", [*DEEDS, *FORMS, "account"])
@pytest.mark.parametrize("forgery", [{"token": "f" * 32}, {"origin": "https://evil.example"}])
def test_forged_form_is_refused_and_does_nothing(name, forgery, at_admin, things):
    before = AuditEntry.objects.count()
    path = things.at(DEEDS.get(name) or PAGES[name][0])

    answer = at_admin.post(path, {"name": "forged", "role": "user"}, **forgery)

    assert answer.status == 403
    assert "The form was too old or came from another site." in page(answer)
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("name", DEEDS)
def test_deed_by_get_says_what_to_do(name, at_admin, things):
    answer = at_admin.get(things.at(DEEDS[name]))

    assert (answer.status, title(answer)) == (405, "This address only takes a form")


@pytest.mark.parametrize("name", PAGES)
def test_page_holds_nothing_inline(name, at_admin, things):
    html = at_admin.get(things.at(PAGES[name][0])).body.decode()

    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>", html) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", html) == []


def test_unknown_address_is_a_page_in_the_frame(at_viewer):
    answer = at_viewer.get("/console/nowhere/at/all")

    assert (answer.status, title(answer)) == (404, "There is nothing here")
    assert 'class="rail"' in page(answer)
    assert answer.headers["x-request-id"] in page(answer)


def test_unknown_address_by_a_stranger_leads_to_sign_in(db):
    answer = Visitor().get("/console/nowhere")

    assert answer.headers["location"] == "/console/login?next=%2Fconsole%2Fnowhere"


def test_one_slash_too_many_is_forgiven(at_viewer):
    answer = at_viewer.get("/console/keys/")

    assert (answer.status, answer.headers["location"]) == (302, "/console/keys")


def test_refusal_is_a_page_in_the_frame(at_viewer):
    answer = at_viewer.get("/console/audit")

    assert (answer.status, title(answer)) == (403, "You may not do that")
    assert "events.audit.view" in page(answer)


def test_rail_shows_only_what_the_reader_may_open(at_admin, at_viewer):
    assert 'href="/console/audit"' in page(at_admin.get("/console/settings"))
    assert 'href="/console/audit"' not in page(at_viewer.get("/console/settings"))


@pytest.mark.parametrize("path", ["/console/", "/console/keys", "/console/members"])
def test_page_follows_only_topics_its_reader_may_follow(path, at_admin, at_user):
    assert 'data-topic="audit.events"' in page(at_admin.get(path))
    assert "data-topic" not in page(at_user.get(path))


@pytest.mark.parametrize(
    "path",
    [
        *("usage", "requests", "prompts", "chat", "models"),
        *("jobs", "keys", "members", "service-accounts", "webhooks", "audit"),
    ],
)
def test_list_costs_the_same_queries_for_more_rows(
    path, at_admin, organization, django_assert_num_queries
):
    things_of(organization)
    at_admin.get(f"/console/{path}")
    with CaptureQueriesContext(connection) as few:
        at_admin.get(f"/console/{path}")
    for _ in range(3):
        things_of(organization)

    with django_assert_num_queries(len(few)):
        at_admin.get(f"/console/{path}")
