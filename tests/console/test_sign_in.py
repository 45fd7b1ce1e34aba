"""Signing in and out, the guard of passwords, switching the organisation, and the admin's closed side doors."""

from __future__ import annotations

import pytest
from django.conf import settings

from apps.core.actor import Role
from tests.factories.console import Visitor, notices, page, row_labels, toasts
from tests.factories.keys import make_key
from tests.factories.tenants import PASSWORD, make_admin, make_member, make_organization


def sign_in(visitor, email, password=PASSWORD, **form):
    return visitor.post("/console/login", {"email": email, "password": password, **form})


def test_log_in_opens_a_session_of_its_own(admin):
    visitor = Visitor()
    visitor.get("/console/login")

    answer = sign_in(visitor, admin.user.email)

    assert (answer.status, answer.headers["location"]) == (302, "/console/")
    assert visitor.is_signed_in
    cookie = next(line for line in answer.cookies if line.startswith("sessionid="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_log_in_with_a_wrong_password_says_so_and_no_more(admin):
    known = sign_in(Visitor(), admin.user.email, "wrong password")
    unknown = sign_in(Visitor(), "nobody@example.com", "wrong password")

    assert (known.status, unknown.status) == (401, 401)
    assert notices(known) == notices(unknown) == ["The e-mail address or the password is wrong."]
    assert "wrong password" not in page(known)


def test_log_in_too_often_asks_to_wait(admin):
    visitor = Visitor()
    for _ in range(5):
        sign_in(visitor, admin.user.email, "wrong password")

    answer = sign_in(visitor, admin.user.email)

    assert answer.status == 429
    assert notices(answer) == ["Too many attempts. Wait a minute and try again."]
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert not visitor.is_signed_in


def test_log_in_answers_slowly_after_failures_right_or_wrong(admin, monkeypatch):
    held = []

    async def remember(seconds):
        held.append(seconds)

    visitor = Visitor()
    for _ in range(3):
        sign_in(visitor, admin.user.email, "wrong password")
    monkeypatch.setattr("apps.core.asgi.gate.asyncio.sleep", remember)

    sign_in(visitor, admin.user.email, "wrong password")
    sign_in(visitor, admin.user.email)

    assert held == [0.25, 0.5]


def test_log_in_is_counted_by_the_outer_guard_too(db):
    visitor = Visitor()
    for number in range(60):
        visitor.post("/console/login", {"email": f"p{number}@example.com"})

    answer = sign_in(visitor, "other@example.com")

    assert answer.status == 429


@pytest.mark.parametrize(
    ("target", "where"),
    [
        ("/console/keys?page=2", "/console/keys?page=2"),
        ("https://evil.example/", "/console/"),
        ("//evil.example", "/console/"),
        ("javascript:alert(1)", "/console/"),
        ("", "/console/"),
    ],
)
def test_log_in_goes_back_to_pages_of_ours_only(admin, target, where):
    answer = sign_in(Visitor(), admin.user.email, next=target)

    assert answer.headers["location"] == where


def test_log_in_replaces_the_session_of_somebody_else(admin, viewer):
    visitor = Visitor(viewer)
    before = visitor.cookies[settings.SESSION_COOKIE_NAME]

    sign_in(visitor, admin.user.email)

    assert visitor.cookies[settings.SESSION_COOKIE_NAME] != before


def test_log_in_by_somebody_who_belongs_nowhere_is_denied(admin):
    email = admin.user.email
    admin.delete()

    answer = sign_in(Visitor(), email)

    assert (answer.status, notices(answer)) == (403, ["You belong to no organisation (any more)."])


def test_log_out_ends_the_session(admin):
    visitor, other = Visitor(admin), Visitor()
    other.cookies |= visitor.cookies

    answer = visitor.post("/console/logout")

    assert answer.headers["location"] == "/console/login"
    assert not other.is_signed_in


def test_switch_shows_the_other_organization_and_nothing_of_this_one(admin):
    here = make_key(admin, name="key of here")
    elsewhere = make_admin(make_organization(name="Elsewhere"), user=admin.user)
    make_key(elsewhere, name="key of elsewhere")
    visitor = Visitor(admin)

    answer = visitor.post("/console/switch", {"organization": elsewhere.organization.public_id})

    assert answer.headers["location"] == "/console/"
    assert toasts(visitor) == ["You are now in Elsewhere."]
    assert row_labels(visitor.get("/console/keys")) == ["key of elsewhere"]
    assert visitor.get(f"/console/keys/{here.key.public_id}").status == 404


def test_switch_to_an_organization_of_others_is_missing(at_admin, stranger):
    answer = at_admin.post("/console/switch", {"organization": stranger.organization.public_id})

    assert answer.status == 404


def test_admin_log_in_is_the_consoles(db):
    answer = Visitor().get("/admin/login/?next=/admin/events/auditentry/")

    assert answer.status == 302
    assert answer.headers["location"] == "/console/login?next=%2Fadmin%2Fevents%2Fauditentry%2F"


def test_admin_log_in_takes_no_password_itself(admin):
    admin.user.is_staff = True
    admin.user.save()
    visitor = Visitor()

    visitor.post("/admin/login/", {"username": admin.user.email, "password": PASSWORD})

    assert not visitor.is_signed_in


def test_admin_by_somebody_who_is_no_operator_is_denied(at_admin):
    first = at_admin.get("/admin/")

    answer = at_admin.get(first.headers["location"])

    assert answer.status == 403
    assert "The admin is for the operator of this house." in page(answer)


def test_admin_by_the_operator_opens(organization):
    operator = make_member(organization, Role.ADMIN)
    operator.user.is_staff = operator.user.is_superuser = True
    operator.user.save()
    visitor = Visitor(operator)

    assert visitor.get("/admin/").status == 200
    assert visitor.get("/admin/login/").headers["location"] == "/admin/"
    assert visitor.get("/admin/password_change/").headers["location"] == "/console/account"
    assert visitor.post("/admin/logout/").headers["location"] == "/console/login"
