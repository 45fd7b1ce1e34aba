"""Members, invitations and service accounts on their pages."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.core.errors import Unauthenticated
from apps.keys.queries.identities import identity_of_key
from apps.tenants.models import Invitation, Membership, ServiceAccount
from tests.factories.console import (
    Visitor,
    errors,
    notices,
    page,
    row_labels,
    secret_in,
    title,
    toasts,
)
from tests.factories.keys import make_key
from tests.factories.tenants import make_invitation, make_service_account


def test_index_lists_members_of_this_organization(at_viewer, viewer, admin, stranger):
    answer = at_viewer.get("/console/members")

    assert row_labels(answer) == [viewer.user.name, admin.user.name]
    assert stranger.user.email not in page(answer)


def test_index_shows_open_invitations_to_those_who_may_invite(at_admin, at_user, organization):
    make_invitation(organization, email="open@example.com")
    make_invitation(organization, email="old@example.com", expires_at=timezone.now())

    assert "open@example.com" in page(at_admin.get("/console/members"))
    assert "old@example.com" not in page(at_admin.get("/console/members"))
    assert "open@example.com" not in page(at_user.get("/console/members"))


def test_invite_shows_the_link_once(at_admin):
    answer = at_admin.post("/console/members/invite", {"email": "New@Example.com", "role": "user"})
    link = secret_in(answer)

    assert "/console/invitation?token=" in link
    assert Invitation.objects.get().email == "new@example.com"
    assert link not in page(at_admin.get("/console/members"))


def test_invite_of_a_member_says_so_above_the_form(at_admin, user):
    answer = at_admin.post("/console/members/invite", {"email": user.user.email, "role": "user"})

    assert (answer.status, notices(answer)) == (409, ["This person is a member already."])


@pytest.mark.parametrize(
    "form", [{"email": "no address", "role": "user"}, {"email": "a@example.com", "role": "service"}]
)
def test_invite_with_a_wrong_field_makes_nothing(at_admin, form):
    answer = at_admin.post("/console/members/invite", form)

    assert (answer.status, len(errors(answer))) == (422, 1)
    assert Invitation.objects.count() == 0


def test_revoke_invitation_ends_its_link(at_admin, organization):
    invitation, token = make_invitation(organization, email="a@example.com")

    answer = at_admin.post(f"/console/invitations/{invitation.public_id}/revoke")

    assert answer.headers["location"] == "/console/members"
    assert toasts(at_admin) == ["The invitation of a@example.com no longer works."]
    assert Visitor().get(f"/console/invitation?token={token}").status == 409


def test_detail_changes_role_and_grant(at_admin, user):
    path = f"/console/members/{user.public_id}"

    answer = at_admin.post(path, {"role": "viewer", "is_approver": "on", "revision": "1"})

    assert answer.headers["location"] == "/console/members"
    user.refresh_from_db()
    assert (user.role, user.is_approver) == ("viewer", True)


def test_detail_of_a_stale_form_changes_nothing(at_admin, user):
    path = f"/console/members/{user.public_id}"

    answer = at_admin.post(path, {"role": "viewer", "revision": "7"})

    assert answer.status == 412
    assert notices(answer) == ["It was changed since you read it. Read it again and decide anew."]


def test_detail_keeps_the_last_admin(at_admin, admin):
    path = f"/console/members/{admin.public_id}"

    answer = at_admin.post(path, {"role": "user", "revision": "1"})

    assert answer.status == 409
    admin.refresh_from_db()
    assert admin.role == "admin"


def test_detail_by_a_user_is_to_read_only(at_user, admin):
    path = f"/console/members/{admin.public_id}"

    answer = at_user.post(path, {"role": "viewer", "revision": "1"})

    assert (
        "<form" not in page(at_user.get(path)).partition('id="content"')[2].partition("<aside")[0]
    )
    assert (answer.status, title(answer)) == (403, "You may not do that")


def test_remove_takes_the_person_out_at_once(at_admin, user):
    visitor = Visitor(user)

    answer = at_admin.post(f"/console/members/{user.public_id}/remove")

    assert answer.headers["location"] == "/console/members"
    assert not Membership.objects.filter(pk=user.pk).exists()
    assert not visitor.is_signed_in


def test_remove_of_the_last_admin_says_why_not(at_admin, admin):
    at_admin.post(f"/console/members/{admin.public_id}/remove")

    assert toasts(at_admin) == ["An organisation keeps at least one administrator."]


def test_service_account_is_made_and_listed(at_admin, stranger):
    make_service_account(stranger.organization, name="foreign")

    answer = at_admin.post("/console/service-accounts/new", {"name": "checkout"})

    account = ServiceAccount.objects.get()
    assert answer.headers["location"] == f"/console/service-accounts/{account.public_id}"
    assert row_labels(at_admin.get("/console/service-accounts")) == ["checkout"]


def test_service_account_with_a_taken_name_says_so(at_admin, organization):
    make_service_account(organization, name="checkout")

    answer = at_admin.post("/console/service-accounts/new", {"name": "checkout"})

    assert (answer.status, notices(answer)) == (409, ["Another one has this name already."])


def test_service_account_is_renamed(at_admin, organization):
    account = make_service_account(organization)
    path = f"/console/service-accounts/{account.public_id}"

    at_admin.post(path, {"name": "billing", "revision": "1"})

    assert row_labels(at_admin.get("/console/service-accounts")) == ["billing"]


def test_service_account_switched_off_takes_its_keys_along(at_admin, organization):
    account = make_service_account(organization, name="batch")
    issued = make_key(account)
    path = f"/console/service-accounts/{account.public_id}/switch"

    at_admin.post(path, {"is_active": "no"})

    assert toasts(at_admin) == ["“batch” and all its keys are off."]
    with pytest.raises(Unauthenticated):
        identity_of_key(issued.secret)


def test_service_account_switched_on_again_brings_them_back(at_admin, organization):
    account = make_service_account(organization, name="batch", is_active=False)
    path = f"/console/service-accounts/{account.public_id}/switch"

    at_admin.post(path, {"is_active": "yes"})

    assert toasts(at_admin) == ["“batch” is on."]
    account.refresh_from_db()
    assert account.is_active


def test_service_account_by_a_user_is_to_read_only(at_user, organization):
    account = make_service_account(organization)
    path = f"/console/service-accounts/{account.public_id}"

    answers = [at_user.post(path, {"name": "x"}), at_user.post(f"{path}/switch")]

    assert [answer.status for answer in answers] == [403, 403]
    assert at_user.post("/console/service-accounts/new", {"name": "x"}).status == 403
