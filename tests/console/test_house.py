"""Home, settings, account, invitation: the remaining pages."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.actor import Role
from apps.events.models import AuditEntry
from apps.providers.enums import ProviderKind
from apps.tenants.models import Membership, Organization, User
from tests.factories.console import Visitor, errors, notices, page, secret_in, toasts
from tests.factories.keys import make_key
from tests.factories.providers import make_deployment, make_provider, make_route
from tests.factories.tenants import PASSWORD, log_in, make_invitation, make_user
from tests.factories.usage import make_usage

NEW_PASSWORD = "a lever, a lamp and a bell"


def test_home_of_a_new_organization_makes_the_first_key_on_one_click(at_user):
    text = page(at_user.get("/console/"))

    answer = at_user.post("/console/keys/new", {"name": "first key", "role": "user"})

    assert "Make my first key" in text
    assert secret_in(answer).startswith("ltb_")
    assert "Make my first key" not in page(at_user.get("/console/"))


def test_home_offers_no_key_to_those_who_may_not_make_one(at_viewer):
    assert "Make my first key" not in page(at_viewer.get("/console/"))


def test_home_shows_activity_to_those_who_may_see_it(at_admin, at_user):
    at_user.post("/console/keys/new", {"name": "somebody's", "role": "user"})

    assert "Key made" in page(at_admin.get("/console/"))
    assert "Key made" not in page(at_user.get("/console/"))


def test_home_counts_this_organization_alone(at_viewer, admin, stranger):
    make_key(admin)
    make_key(stranger)

    text = page(at_viewer.get("/console/"))

    assert text.count('<div class="stat__value">1</div>') == 1  # keys
    assert text.count('<div class="stat__value">2</div>') == 1  # members: the admin and the viewer


def test_samples_stand_at_the_readers_own_address(at_viewer):
    text = page(at_viewer.get("/console/"))

    assert "curl http://testserver/api/v1/auth/me" in text


def test_home_shows_the_first_call_of_a_model_that_is_here(at_user, at_viewer, organization):
    local = make_deployment(
        organization, provider=make_provider(organization, kind=ProviderKind.LOCAL)
    )
    make_route(organization, name="alpha")
    make_route(organization, name="tiny", targets=[local])

    text, read_only = page(at_user.get("/console/")), page(at_viewer.get("/console/"))

    assert "curl -N http://testserver/v1/chat/completions" in text
    assert '"model": "tiny"' in text
    assert 'href="/console/requests">' in text
    assert "/v1/chat/completions" not in read_only


def test_home_tells_of_todays_traffic(at_viewer, organization, stranger):
    now = timezone.now()
    make_usage(organization, at=now, cost_nano=3 * 10**9)
    make_usage(organization, at=now, cost_nano=0, status="error")
    make_usage(organization, at=now - timedelta(days=2))
    make_usage(stranger.organization, at=now)

    text = page(at_viewer.get("/console/"))

    assert re.findall(r'stat__value">(.*?)<', text)[:3] == ["2", "$3.00", "50 %"]
    assert "1 of today's calls" in text


def test_settings_renames_the_organization(at_admin, organization):
    answer = at_admin.post("/console/settings", {"name": "Acme & Sons", "revision": "1"})

    assert answer.headers["location"] == "/console/settings"
    assert Organization.objects.get(pk=organization.pk).name == "Acme & Sons"
    assert "Acme & Sons" in page(at_admin.get("/console/"))


def test_settings_by_a_user_is_to_read_only(at_user, organization):
    answer = at_user.post("/console/settings", {"name": "Mine", "revision": "1"})

    assert answer.status == 403
    assert 'name="revision"' not in page(at_user.get("/console/settings"))


def test_account_changes_the_password_and_ends_every_other_login(user):
    here, elsewhere = Visitor(user), Visitor(user)
    token = log_in(user).access

    answer = here.post(
        "/console/account", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    )

    assert answer.headers["location"] == "/console/account"
    assert toasts(here) == ["Changed. Every other session and token of yours has ended."]
    assert not elsewhere.is_signed_in
    assert here.client.get("/api/v1/auth/me", key=token).status == 401
    assert User.objects.get(pk=user.user_id).check_password(NEW_PASSWORD)


@pytest.mark.parametrize(
    ("current", "new", "message"),
    [
        ("wrong password", NEW_PASSWORD, "Is wrong"),
        (
            PASSWORD,
            "short",
            "This password is too short. It must contain at least 10 characters.",
        ),
    ],
)
def test_account_with_a_wrong_field_changes_nothing(at_user, user, current, new, message):
    answer = at_user.post("/console/account", {"current_password": current, "new_password": new})

    assert (answer.status, errors(answer)) == (422, [message])
    assert current not in page(answer)
    assert User.objects.get(pk=user.user_id).check_password(PASSWORD)


def test_invitation_makes_an_account_and_signs_in(organization):
    _, token = make_invitation(organization, email="new@example.com")
    visitor, link = Visitor(), f"/console/invitation?token={token}"

    answer = visitor.post(link, {"name": "New", "password": NEW_PASSWORD})

    assert answer.headers["location"] == "/console/"
    assert visitor.is_signed_in
    assert Membership.objects.get(user__email="new@example.com").role == Role.USER
    assert Visitor().get(link).status == 409


def test_invitation_with_a_weak_password_says_so_at_the_field(organization):
    _, token = make_invitation(organization)

    answer = Visitor().post(
        f"/console/invitation?token={token}", {"name": "New", "password": "short"}
    )

    assert answer.status == 422
    assert errors(answer) == ["This password is too short. It must contain at least 10 characters."]


def test_invitation_of_a_known_person_takes_their_password(organization):
    known = make_user()
    _, token = make_invitation(organization, email=known.email)
    link = f"/console/invitation?token={token}"

    wrong = Visitor().post(link, {"password": "wrong password"})
    right = Visitor().post(link, {"password": PASSWORD})

    assert (wrong.status, notices(wrong)) == (401, ["The e-mail address or the password is wrong."])
    assert right.headers["location"] == "/console/"


def test_invitation_for_somebody_signed_in_takes_one_click(organization, stranger):
    _, token = make_invitation(organization, email=stranger.user.email)
    visitor, link = Visitor(stranger), f"/console/invitation?token={token}"

    form = page(visitor.get(link))
    answer = visitor.post(link)

    assert 'name="password"' not in form
    assert answer.headers["location"] == "/console/"
    assert "Acme" in page(visitor.get("/console/"))


def test_invitation_for_somebody_else_asks_to_sign_out(organization, at_viewer):
    _, token = make_invitation(organization, email="other@example.com")
    link = f"/console/invitation?token={token}"

    text, answer = page(at_viewer.get(link)), at_viewer.post(link)

    assert "Sign out, then open the link again." in text
    assert answer.status == 403
    assert AuditEntry.objects.count() == 0


def test_invitation_that_never_was_is_missing(db):
    answer = Visitor().get("/console/invitation?token=made-up")

    assert answer.status == 404
    assert "Nobody made such a link." in page(answer)
