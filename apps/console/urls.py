"""The console's pages; every name is `console:<page>`."""

from __future__ import annotations

from django.urls import path

from apps.console.views import (
    account,
    audit,
    deliveries,
    house,
    invitation,
    jobs,
    key_terms,
    keys,
    members,
    playground,
    requests,
    service_accounts,
    sign_in,
    usage,
    webhook_terms,
    webhooks,
)

app_name = "console"

urlpatterns = [
    path("", house.home, name="home"),
    path("login", sign_in.log_in, name="login"),
    path("logout", sign_in.log_out, name="logout"),
    path("switch", sign_in.switch, name="switch"),
    path("invitation", invitation.invitation, name="invitation"),
    path("playground", playground.playground, name="playground"),
    path("playground/samples", playground.samples, name="playground-samples"),
    path("usage", usage.index, name="usage"),
    path("requests", requests.index, name="requests"),
    path("requests/<str:id>", requests.detail, name="request"),
    path("jobs", jobs.index, name="jobs"),
    path("jobs/cancel", jobs.cancel_selected, name="jobs-cancel"),
    path("jobs/<str:id>", jobs.detail, name="job"),
    path("jobs/<str:id>/cancel", jobs.cancel, name="job-cancel"),
    path("jobs/<str:id>/retry", jobs.retry, name="job-retry"),
    path("keys", keys.index, name="keys"),
    path("keys/new", keys.create, name="key-new"),
    path("keys/<str:id>", keys.detail, name="key"),
    path("keys/<str:id>/edit", key_terms.edit, name="key-edit"),
    path("keys/<str:id>/rotate", keys.rotate, name="key-rotate"),
    path("keys/<str:id>/revoke", keys.revoke, name="key-revoke"),
    path("members", members.index, name="members"),
    path("members/invite", members.invite, name="invite"),
    path("members/<str:id>", members.detail, name="member"),
    path("members/<str:id>/remove", members.remove, name="member-remove"),
    path("invitations/<str:id>/revoke", members.revoke_invitation, name="invitation-revoke"),
    path("service-accounts", service_accounts.index, name="service-accounts"),
    path("service-accounts/new", service_accounts.create, name="service-account-new"),
    path("service-accounts/<str:id>", service_accounts.detail, name="service-account"),
    path(
        "service-accounts/<str:id>/switch", service_accounts.switch, name="service-account-switch"
    ),
    path("webhooks", webhooks.index, name="webhooks"),
    path("webhooks/new", webhooks.create, name="webhook-new"),
    path("webhooks/deliveries/<str:id>", deliveries.detail, name="delivery"),
    path("webhooks/deliveries/<str:id>/replay", deliveries.replay, name="delivery-replay"),
    path("webhooks/<str:id>", webhooks.detail, name="webhook"),
    path("webhooks/<str:id>/edit", webhook_terms.edit, name="webhook-edit"),
    path("webhooks/<str:id>/test", webhooks.test, name="webhook-test"),
    path("webhooks/<str:id>/replay", webhooks.replay, name="webhook-replay"),
    path("webhooks/<str:id>/rotate", webhooks.rotate, name="webhook-rotate"),
    path("webhooks/<str:id>/switch", webhooks.switch, name="webhook-switch"),
    path("webhooks/<str:id>/delete", webhooks.delete, name="webhook-delete"),
    path("audit", audit.index, name="audit"),
    path("audit/<str:id>", audit.detail, name="audit-entry"),
    path("settings", house.settings, name="settings"),
    path("account", account.account, name="account"),
    path("styleguide", house.styleguide, name="styleguide"),
    path("<path:rest>", house.missing),
]
