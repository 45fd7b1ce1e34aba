"""The pages of keys: what a list shows, what a form takes, and a secret that is seen once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.actor import Role
from apps.core.errors import Unauthenticated
from apps.keys.models import ApiKey, KeySecret
from apps.keys.queries.identities import identity_of_key
from apps.keys.services import keys
from tests.factories.console import Visitor, errors, page, row_labels, secret_in, title, toasts
from tests.factories.keys import make_key
from tests.factories.tenants import actor_of, make_member, make_service_account


def test_index_lists_the_organizations_keys_newest_first(at_viewer, admin, user, stranger):
    make_key(stranger, name="foreign")
    make_key(admin, name="older")
    make_key(user, name="newer")

    answer = at_viewer.get("/console/keys")

    assert row_labels(answer) == ["newer", "older"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=active", ["beta", "alpha"]),
        ("state=revoked", ["gone"]),
        ("state=expired", []),
        ("q=ALP", ["alpha"]),
        ("role=viewer", ["beta"]),
        ("ordering=name", ["alpha", "beta", "gone"]),
        ("ordering=-name", ["gone", "beta", "alpha"]),
        ("ordering=organization", ["gone", "beta", "alpha"]),
    ],
)
def test_index_filters_and_sorts(at_admin, admin, query, names):
    make_key(admin, Role.USER, name="alpha")
    make_key(admin, Role.VIEWER, name="beta")
    gone = make_key(admin, Role.USER, name="gone")
    keys.revoke_key(actor=actor_of(admin), key_id=gone.key.public_id)

    answer = at_admin.get(f"/console/keys?{query}")

    assert row_labels(answer) == names


def test_index_pages(at_admin, admin):
    for number in range(51):
        make_key(admin, name=f"key-{number:02}")

    first, second = at_admin.get("/console/keys"), at_admin.get("/console/keys?page=2")

    assert (len(row_labels(first)), row_labels(second)) == (50, ["key-00"])
    assert "51 to 51 of 51" in page(second)


@pytest.mark.parametrize("query", ["page=0", "page=x", "state=lost", "owner=nonsense"])
def test_index_with_a_senseless_query_is_refused_as_a_page(at_admin, query):
    answer = at_admin.get(f"/console/keys?{query}")

    assert answer.status in (404, 422)
    assert title(answer) in ("There is nothing here", "That did not work")


def test_index_without_keys_says_how_to_begin(at_admin, at_viewer):
    assert "Make the first key" in page(at_admin.get("/console/keys"))
    assert "Make the first key" not in page(at_viewer.get("/console/keys"))


def test_create_shows_a_working_secret_once(at_admin, admin):
    answer = at_admin.post("/console/keys/new", {"name": "ci <b>main</b>", "role": "user"})
    secret = secret_in(answer)

    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert identity_of_key(secret).principal == admin.user.public_id
    assert "<b>main</b>" not in answer.body.decode()
    key = ApiKey.objects.get()
    for path in ("", "keys", f"keys/{key.public_id}", "audit", "settings"):
        assert secret not in page(at_admin.get(f"/console/{path}"))


def test_create_keeps_what_the_form_says(at_admin, organization):
    account = make_service_account(organization)
    tomorrow = timezone.now().date() + timedelta(days=1)

    at_admin.post(
        "/console/keys/new",
        {
            "name": "batch",
            "role": "service",
            "owner": account.public_id,
            "expires_at": tomorrow.isoformat(),
            "limit": "5000/h",
            "addresses": "10.0.0.0/8, 192.0.2.7",
            "models": "small,large",
            "cache_seconds": "90",
        },
    )

    key = ApiKey.objects.get()
    assert (key.name, key.role, key.service_account) == ("batch", "service", account)
    assert key.cache_seconds == 90
    assert "for 90 s, where their route does not say" in page(
        at_admin.get(f"/console/keys/{key.public_id}")
    )
    assert key.expires_at is not None
    assert key.expires_at.date() == tomorrow
    assert key.limits == {"default": "5000/h"}
    assert key.addresses == ["10.0.0.0/8", "192.0.2.7/32"]
    assert key.model_names == ["small", "large"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "This field is required."),
        ("role", "emperor", "Select a valid choice. emperor is not one of the available choices."),
        ("expires_at", "2020-01-01", "Must lie in the future"),
        ("expires_at", "soon", "Enter a valid date."),
    ],
)
def test_create_says_at_the_field_what_is_wrong(at_admin, field, value, message):
    answer = at_admin.post("/console/keys/new", {"name": "n", "role": "user", field: value})

    assert (answer.status, errors(answer)) == (422, [message])
    assert ApiKey.objects.count() == 0


@pytest.mark.parametrize(("field", "value"), [("limit", "often"), ("addresses", "home")])
def test_create_maps_the_services_fields_to_the_forms(at_admin, field, value):
    answer = at_admin.post("/console/keys/new", {"name": "n", "role": "user", field: value})

    assert (answer.status, len(errors(answer))) == (422, 1)
    assert f'id="id_{field}_error"' in page(answer)


def test_create_offers_nobody_more_than_they_hold(at_user, organization):
    make_service_account(organization)

    form = page(at_user.get("/console/keys/new"))
    answer = at_user.post("/console/keys/new", {"name": "n", "role": "admin"})

    assert 'value="user"' in form
    assert 'value="admin"' not in form
    assert 'name="owner"' not in form
    assert 'name="is_approver"' not in form
    assert answer.status == 422


def test_detail_offers_deeds_to_those_who_may(at_admin, at_user, at_viewer, user, admin):
    own, others = make_key(user), make_key(admin)

    assert "Revoke key" in page(at_user.get(f"/console/keys/{own.key.public_id}"))
    assert "Revoke key" not in page(at_user.get(f"/console/keys/{others.key.public_id}"))
    assert "Revoke key" not in page(at_viewer.get(f"/console/keys/{own.key.public_id}"))
    assert "Revoke key" in page(at_admin.get(f"/console/keys/{own.key.public_id}"))


def test_rotate_shows_the_new_secret_and_lets_the_old_one_run_out(at_admin, admin):
    issued = make_key(admin)
    path = f"/console/keys/{issued.key.public_id}/rotate"

    answer = at_admin.post(path, {"grace_seconds": "3600"})

    assert identity_of_key(secret_in(answer)).credential.id == issued.key.public_id
    assert identity_of_key(issued.secret).credential.id == issued.key.public_id
    assert KeySecret.objects.filter(ends_at__gt=timezone.now()).count() == 1


@pytest.mark.parametrize("grace", ["", "-1", "60", "soon"])
def test_rotate_with_an_unknown_grace_changes_nothing(at_admin, admin, grace):
    issued = make_key(admin)
    path = f"/console/keys/{issued.key.public_id}/rotate"

    answer = at_admin.post(path, {"grace_seconds": grace})

    assert (answer.status, len(errors(answer)), secret_in(answer)) == (422, 1, "")
    assert KeySecret.objects.count() == 1


def test_rotate_of_a_revoked_key_says_why_not(at_admin, admin):
    issued = make_key(admin)
    path = f"/console/keys/{issued.key.public_id}"
    at_admin.post(f"{path}/revoke")

    answer = at_admin.post(f"{path}/rotate", {"grace_seconds": "0"})

    assert answer.headers["location"] == path
    assert "The key was revoked; make a new one." in toasts(at_admin)


def test_revoke_ends_the_key(at_admin, admin):
    issued = make_key(admin, name="ci")

    answer = at_admin.post(f"/console/keys/{issued.key.public_id}/revoke")

    assert answer.headers["location"] == "/console/keys"
    assert toasts(at_admin) == ["Key “ci” is revoked. Its next call is refused."]
    with pytest.raises(Unauthenticated):
        identity_of_key(issued.secret)


@pytest.mark.parametrize("deed", ["revoke", "rotate"])
def test_deed_on_a_key_of_others_is_denied(organization, user, deed):
    issued = make_key(make_member(organization, Role.USER))

    answer = Visitor(user).post(
        f"/console/keys/{issued.key.public_id}/{deed}", {"grace_seconds": "0"}
    )

    assert (answer.status, title(answer)) == (403, "You may not do that")
    assert KeySecret.objects.count() == 1
