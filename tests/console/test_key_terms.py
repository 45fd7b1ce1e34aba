"""Changing a key in use: what the form shows, what it sends on, and what it leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.console.views.key_terms import limits_of
from apps.events.models import AuditEntry
from apps.keys.models import ApiKey
from apps.keys.services import keys
from tests.factories.console import Visitor, errors, notices, page, title, toasts
from tests.factories.keys import make_key
from tests.factories.tenants import actor_of, make_member


def shown(key: ApiKey) -> dict[str, str]:
    """What the form holds when it is opened."""
    return {
        "name": key.name,
        "expires_at": key.expires_at.date().isoformat() if key.expires_at else "",
        "limits": ", ".join(f"{name}={rate}" for name, rate in key.limits.items()),
        "addresses": ", ".join(key.addresses),
        "models": ", ".join(key.model_names or []),
        "revision": str(key.revision),
    }


def path_of(issued: keys.Issued) -> str:
    return f"/console/keys/{issued.key.public_id}/edit"


def test_edit_shows_the_present_terms(at_admin, admin):
    issued = make_key(
        admin,
        name="ci",
        expires_at=datetime(2099, 5, 6, 7, 8, tzinfo=UTC),
        limits={"default": "100/m", "chat": "5/s"},
        addresses=["10.0.0.0/8"],
        models=["small", "large"],
    )

    text = page(at_admin.get(path_of(issued)))

    for value in ("ci", "2099-05-06", "chat=5/s, default=100/m", "10.0.0.0/8", "small, large"):
        assert f'value="{value}"' in text
    assert "Programs with this key approve" not in text


def test_edit_changes_what_the_form_says(at_admin, admin):
    issued = make_key(admin, name="ci")
    tomorrow = timezone.now().date() + timedelta(days=1)

    answer = at_admin.post(
        path_of(issued),
        {
            **shown(issued.key),
            "name": "cd",
            "expires_at": tomorrow.isoformat(),
            "limits": "5000/h, chat=5/s",
            "addresses": "192.0.2.7",
            "models": "small",
        },
    )

    key = ApiKey.objects.get()
    assert answer.headers["location"] == f"/console/keys/{issued.key.public_id}"
    assert toasts(at_admin) == ["Saved. It holds from the next call on."]
    assert (key.name, key.limits) == ("cd", {"default": "5000/h", "chat": "5/s"})
    assert (key.addresses, key.model_names) == (["192.0.2.7/32"], ["small"])
    assert key.expires_at == datetime.combine(tomorrow, datetime.max.time(), UTC)


def test_edit_takes_restrictions_away(at_admin, admin):
    issued = make_key(
        admin,
        expires_at=timezone.now() + timedelta(days=9),
        limits={"default": "1/m"},
        addresses=["10.0.0.0/8"],
        models=["small"],
    )
    cleared = {"expires_at": "", "limits": "", "addresses": "", "models": ""}

    at_admin.post(path_of(issued), {**shown(issued.key), **cleared})

    key = ApiKey.objects.get()
    assert (key.expires_at, key.limits, key.addresses, key.model_names) == (None, {}, [], None)


def test_edit_leaves_alone_what_it_cannot_show(at_admin, admin):
    """The time of day of the end, and an empty list of models, which is none and not any."""
    end = timezone.now() + timedelta(days=9)
    issued = make_key(admin, name="ci", expires_at=end, models=[])

    at_admin.post(path_of(issued), {**shown(issued.key), "name": "cd"})

    key = ApiKey.objects.get()
    assert (key.name, key.expires_at, key.model_names) == ("cd", end, [])


def test_edit_without_a_change_changes_nothing(at_admin, admin):
    issued = make_key(admin)

    answer = at_admin.post(path_of(issued), shown(issued.key))

    assert answer.status == 302
    assert ApiKey.objects.get().revision == 1
    assert not AuditEntry.objects.filter(action="keys.key.updated").exists()


def test_edit_of_what_somebody_else_changed_meanwhile_is_refused(at_admin, admin):
    issued = make_key(admin, name="ci")
    keys.update_key(actor=actor_of(admin), key_id=issued.key.public_id, name="theirs")

    answer = at_admin.post(path_of(issued), {**shown(issued.key), "name": "ours"})

    assert answer.status == 412
    assert notices(answer) == ["It was changed since you read it. Read it again and decide anew."]
    assert ApiKey.objects.get().name == "theirs"


def test_edit_says_at_each_field_what_is_wrong(at_admin, admin):
    issued = make_key(admin)
    wrong = {"expires_at": "2020-01-01", "limits": "often", "addresses": "home"}

    answer = at_admin.post(path_of(issued), {**shown(issued.key), **wrong})

    assert (answer.status, len(errors(answer))) == (422, 3)
    for name in wrong:
        assert f'id="id_{name}_error"' in page(answer)
    assert ApiKey.objects.get().revision == 1


def test_edit_of_a_revoked_key_says_why_not(at_admin, admin):
    issued = make_key(admin)
    keys.revoke_key(actor=actor_of(admin), key_id=issued.key.public_id)

    answer = at_admin.post(path_of(issued), {**shown(issued.key), "name": "again"})

    assert (answer.status, notices(answer)) == (409, ["The key was revoked; make a new one."])


def test_edit_says_what_the_approver_grant_means(organization):
    approver = make_member(organization, is_approver=True)
    issued = make_key(approver, is_approver=True)

    assert "Programs with this key approve" in page(Visitor(approver).get(path_of(issued)))


@pytest.mark.parametrize("method", ["get", "post"])
def test_edit_of_a_key_of_others_is_denied(at_user, admin, method):
    issued = make_key(admin, name="ci")

    answer = getattr(at_user, method)(path_of(issued))

    assert (answer.status, title(answer)) == (403, "You may not do that")


def test_detail_leads_to_the_form_for_those_who_may(at_admin, at_user, admin):
    issued = make_key(admin)
    detail = path_of(issued).removesuffix("/edit")

    assert f'href="{path_of(issued)}"' in page(at_admin.get(detail))
    assert f'href="{path_of(issued)}"' not in page(at_user.get(detail))


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("", {}),
        ("100/m", {"default": "100/m"}),
        ("chat = 5/s , 100/m,", {"chat": "5/s", "default": "100/m"}),
        ("a=b=5/s", {"a=b": "5/s"}),
    ],
)
def test_limits_of_reads_classes_and_rates(text, limits):
    assert limits_of(text) == limits
