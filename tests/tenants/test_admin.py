"""The operator's pages, through Django's own chain (pages run it whole)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from apps.core.actor import Role
from apps.core.tenancy import unscoped
from apps.tenants.models import Invitation, LoginSession, Membership, Organization, User
from tests.factories.tenants import (
    log_in,
    make_admin,
    make_invitation,
    make_member,
    make_organization,
    make_service_account,
    make_user,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

MODELS = ["user", "organization", "membership", "serviceaccount", "invitation", "loginsession"]


@pytest.fixture
def operator() -> User:
    return make_user(email="operator@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def staff(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def rows() -> list[Membership]:
    """Something of everything in two organisations."""
    made = [make_admin(), make_admin()]
    for member in made:
        make_service_account(member.organization)
        make_invitation(member.organization)
        log_in(member)
    return made


def told(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def reread(row: Any) -> Any:
    with unscoped(reason="a test looks at every organisation"):
        return type(row).objects.get(pk=row.pk)


@pytest.mark.parametrize("model", MODELS)
def test_lists_show_every_organization(staff: Client, rows: list[Membership], model: str) -> None:
    response = staff.get(f"/admin/tenants/{model}/")

    text = response.content.decode()
    assert response.status_code == 200
    shown = "email" if model == "user" else "organization"
    for member in rows:
        expected = member.user.email if shown == "email" else member.organization.name
        assert expected in text


@pytest.mark.parametrize("model", MODELS)
def test_pages_show_no_secret(staff: Client, rows: list[Membership], model: str) -> None:
    changelist = staff.get(f"/admin/tenants/{model}/").content.decode()
    path = re.search(rf"/admin/tenants/{model}/\d+/change/", changelist)
    assert path is not None

    page = staff.get(path.group()).content.decode()

    with unscoped(reason="a test looks at every organisation"):
        secrets = [
            *User.objects.values_list("password", flat=True),
            *Invitation.objects.values_list("token_digest", flat=True),
            *LoginSession.objects.values_list("refresh_digest", flat=True),
        ]
    assert [secret for secret in secrets if secret in page] == []


@pytest.mark.parametrize("model", MODELS)
def test_pages_are_the_operator_s(rows: list[Membership], model: str) -> None:
    client = Client()
    client.force_login(rows[0].user)

    response = client.get(f"/admin/tenants/{model}/")

    assert response.status_code in (302, 403)


@pytest.mark.parametrize(
    ("model", "verbs"),
    [
        ("user", "change"),
        ("organization", "add change"),
        ("membership", "change delete"),
        ("serviceaccount", "change"),
        ("invitation", "add"),
        ("loginsession", ""),
    ],
)
def test_pages_offer_what_a_service_does_and_no_more(
    staff: Client, rows: list[Membership], model: str, verbs: str
) -> None:
    site_admin = staff.get(f"/admin/tenants/{model}/").context["cl"].model_admin
    request = staff.get("/admin/").wsgi_request

    offered = [
        verb
        for verb in ("add", "change", "delete")
        if getattr(site_admin, f"has_{verb}_permission")(request)
    ]

    assert offered == verbs.split()


def test_user_is_switched_off(staff: Client, rows: list[Membership]) -> None:
    user = rows[0].user

    response = staff.post(f"/admin/tenants/user/{user.pk}/change/", {"name": "Gone"})

    user.refresh_from_db()
    assert response.status_code == 302
    assert (user.name, user.is_active, user.token_version) == ("Gone", False, 2)


def test_organization_is_founded_and_the_operator_administers_it(
    staff: Client, operator: User
) -> None:
    response = staff.post("/admin/tenants/organization/add/", {"name": "Beta", "slug": "beta"})

    organization = Organization.objects.get(slug="beta")
    with unscoped(reason="a test looks at every organisation"):
        membership = Membership.objects.get(organization=organization)
    assert response.status_code == 302
    assert (membership.user, membership.role) == (operator, "admin")


def test_organization_is_renamed_and_keeps_its_slug(staff: Client) -> None:
    organization = make_organization(slug="acme")

    staff.post(
        f"/admin/tenants/organization/{organization.pk}/change/", {"name": "New", "slug": "other"}
    )

    organization.refresh_from_db()
    assert (organization.name, organization.slug, organization.revision) == ("New", "acme", 2)


def test_membership_is_changed(staff: Client, rows: list[Membership]) -> None:
    member = make_member(rows[0].organization)

    response = staff.post(
        f"/admin/tenants/membership/{member.pk}/change/", {"role": "viewer", "is_approver": "on"}
    )

    changed = reread(member)
    assert response.status_code == 302
    assert (changed.role, changed.is_approver, changed.revision) == (Role.VIEWER, True, 2)


@pytest.mark.parametrize(
    ("verb", "values"), [("change", {"role": "viewer"}), ("delete", {"post": "yes"})]
)
def test_membership_of_the_last_administrator_stays(
    staff: Client, rows: list[Membership], verb: str, values: dict[str, str]
) -> None:
    response = staff.post(f"/admin/tenants/membership/{rows[0].pk}/{verb}/", values)

    assert told(response) == ["An organisation keeps at least one administrator."]
    assert reread(rows[0]).role == "admin"


def test_membership_is_removed(staff: Client, rows: list[Membership]) -> None:
    member = make_member(rows[0].organization)

    staff.post(f"/admin/tenants/membership/{member.pk}/delete/", {"post": "yes"})

    with unscoped(reason="a test looks at every organisation"):
        assert not Membership.objects.filter(pk=member.pk).exists()


def test_service_account_is_switched_off(staff: Client, rows: list[Membership]) -> None:
    account = make_service_account(rows[0].organization, name="nightly")

    staff.post(f"/admin/tenants/serviceaccount/{account.pk}/change/", {"name": "nightly"})

    assert reread(account).is_active is False


def test_invitation_link_is_shown_once(staff: Client, rows: list[Membership]) -> None:
    response = staff.post(
        "/admin/tenants/invitation/add/",
        {
            "organization": rows[0].organization_id,
            "email": "guest@example.com",
            "role": "admin",
        },
    )

    assert "/console/invitation?token=" in told(response)[0]
    with unscoped(reason="a test looks at every organisation"):
        invitation = Invitation.objects.get(email="guest@example.com")
    assert (invitation.organization, invitation.role) == (rows[0].organization, "admin")


def test_invitations_of_two_organizations_are_revoked_together(
    staff: Client, rows: list[Membership]
) -> None:
    with unscoped(reason="a test looks at every organisation"):
        chosen = list(Invitation.objects.values_list("pk", flat=True))

    staff.post("/admin/tenants/invitation/", {"action": "revoke", "_selected_action": chosen})

    with unscoped(reason="a test looks at every organisation"):
        assert Invitation.objects.filter(revoked_at=None).count() == 0


def test_logins_are_ended(staff: Client, rows: list[Membership]) -> None:
    with unscoped(reason="a test looks at every organisation"):
        chosen = list(LoginSession.objects.values_list("pk", flat=True))
        assert LoginSession.objects.filter(revoked_at__lt=timezone.now()).count() == 0

    staff.post("/admin/tenants/loginsession/", {"action": "end", "_selected_action": chosen})

    with unscoped(reason="a test looks at every organisation"):
        assert LoginSession.objects.filter(revoked_at=None).count() == 0
