"""The operator's pages of keys, through Django's own chain (pages run it whole)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from apps.core.actor import CredentialKind, Role
from apps.core.errors import Unauthenticated
from apps.core.tenancy import unscoped
from apps.events.models import AuditEntry
from apps.keys.models import ApiKey
from apps.keys.queries.identities import identity_of_key
from apps.keys.services.keys import Issued
from apps.tenants.models import Membership, Organization, User
from tests.factories.keys import make_key
from tests.factories.tenants import make_admin, make_member, make_service_account, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

LIST = "/admin/keys/apikey/"


@pytest.fixture
def operator() -> User:
    return make_user(email="operator@example.com", is_staff=True)


@pytest.fixture
def staff(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def here(admin: Membership) -> Issued:
    return make_key(admin, name="ours")


@pytest.fixture
def there(stranger: Membership) -> Issued:
    return make_key(stranger, name="theirs")


def asked(member: Membership, **values: Any) -> dict[str, Any]:
    return {
        "organization": member.organization_id,
        "owner": member.user.email,
        "name": "made here",
        "role": "user",
        "expires_at_0": "",
        "expires_at_1": "",
        **values,
    }


def told(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def reread(issued: Issued) -> ApiKey:
    with unscoped(reason="a test looks at every organisation"):
        return ApiKey.objects.get(pk=issued.key.pk)


def keys_named(name: str) -> list[ApiKey]:
    with unscoped(reason="a test looks at every organisation"):
        return list(ApiKey.objects.filter(name=name).select_related("user"))


def names_on(page: Any) -> list[str]:
    return re.findall(r'class="field-name"><a [^>]*>([^<]+)<', page.content.decode())


def test_list_shows_every_organization_and_no_secret(
    staff: Client, here: Issued, there: Issued
) -> None:
    page = staff.get(LIST)

    text = page.content.decode()
    assert (page.status_code, names_on(page)) == (200, ["theirs", "ours"])
    assert here.secret not in text
    assert f"ltb_…{here.key.hint}" in text


def test_list_costs_as_many_queries_for_three_keys_as_for_one(
    staff: Client, here: Issued, admin: Membership, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(9) as captured:
        staff.get(LIST)
    make_key(admin)
    make_key(make_service_account(admin.organization))

    with django_assert_num_queries(len(captured)):
        staff.get(LIST)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=active", ["ours"]),
        ("state=revoked", ["theirs"]),
        ("state=expired", []),
        ("state=bogus", ["theirs", "ours"]),
        ("q=our", ["ours"]),
        ("role__exact=admin", ["theirs", "ours"]),
        ("role__exact=viewer", []),
    ],
)
def test_list_filters_and_searches(
    staff: Client, here: Issued, there: Issued, query: str, found: list[str]
) -> None:
    ApiKey._base_manager.filter(pk=there.key.pk).update(revoked_at=timezone.now())

    assert names_on(staff.get(f"{LIST}?{query}")) == found


def test_detail_is_for_reading(staff: Client, here: Issued) -> None:
    page = staff.get(f"{LIST}{here.key.pk}/change/")

    text = page.content.decode()
    assert page.status_code == 200
    assert here.key.public_id in text
    assert here.secret not in text
    assert 'name="name"' not in text


def test_change_and_delete_are_not_offered(staff: Client, here: Issued) -> None:
    changed = staff.post(f"{LIST}{here.key.pk}/change/", {"name": "renamed"})
    deleted = staff.post(f"{LIST}{here.key.pk}/delete/", {"post": "yes"})

    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert reread(here).name == "ours"


def test_add_shows_the_secret_once_and_keeps_it_nowhere(
    staff: Client, operator: User, admin: Membership
) -> None:
    page = staff.post(f"{LIST}add/", asked(admin))

    [key] = keys_named("made here")
    [secret] = re.findall(r"ltb_[\w-]{43}", page.content.decode())
    assert page.status_code == 200
    assert "no-store" in page.headers["Cache-Control"].split(", ")
    assert identity_of_key(secret).credential.id == key.public_id
    assert (key.user, key.created_by_id, key.role) == (admin.user, operator.pk, "user")
    assert secret not in str(page.cookies)
    assert told(page) == []
    assert secret not in staff.get(f"{LIST}{key.pk}/change/").content.decode()


def test_add_is_audited_as_the_operator_s(staff: Client, operator: User, admin: Membership) -> None:
    staff.post(f"{LIST}add/", asked(admin))

    with unscoped(reason="a test looks at every organisation"):
        entry = AuditEntry.objects.get(action="keys.key.created")
    assert (entry.organization_id, entry.actor_id, entry.credential_kind) == (
        admin.organization_id,
        operator.public_id,
        CredentialKind.SESSION,
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"owner": "nobody@example.com"}, "Nobody in acme is called nobody@example.com."),
        ({"role": "admin"}, "role: is more than the owner holds"),
    ],
)
def test_add_says_why_not(
    staff: Client, organization: Organization, values: dict[str, str], said: str
) -> None:
    member = make_member(organization, Role.USER)

    page = staff.post(f"{LIST}add/", asked(member, **values))

    assert (page.status_code, told(page)) == (302, [said])
    assert keys_named("made here") == []


def test_add_asks_for_every_field(staff: Client, admin: Membership) -> None:
    page = staff.post(f"{LIST}add/", asked(admin, owner=""))

    assert page.status_code == 200
    assert page.context["adminform"].form.errors == {"owner": ["This field is required."]}


def test_revoke_ends_the_chosen_keys_of_any_organization(
    staff: Client, here: Issued, there: Issued
) -> None:
    kept = make_key(make_admin(), name="kept")

    page = staff.post(LIST, {"action": "revoke", "_selected_action": [here.key.pk, there.key.pk]})

    assert told(page) == ["Revoked: 2"]
    assert [reread(issued).state for issued in (here, there, kept)] == [
        "revoked",
        "revoked",
        "active",
    ]
    with pytest.raises(Unauthenticated):
        identity_of_key(here.secret)


def test_nobody_but_staff_gets_in(here: Issued) -> None:
    client = Client()
    client.force_login(make_admin().user)

    page = client.get(LIST)

    assert (page.status_code, page.headers["Location"]) == (302, f"/admin/login/?next={LIST}")


def test_add_takes_an_end(staff: Client, admin: Membership) -> None:
    day = timezone.now() + timedelta(days=2)

    staff.post(f"{LIST}add/", asked(admin, expires_at_0=f"{day:%Y-%m-%d}", expires_at_1="12:00:00"))

    [key] = keys_named("made here")
    assert key.expires_at == day.replace(hour=12, minute=0, second=0, microsecond=0)
