from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.core.actor import Role
from apps.core.tenancy import unscoped
from apps.keys import topics
from apps.keys.models import ApiKey
from apps.keys.queries.identities import identity_of_key
from tests.factories.keys import make_key
from tests.factories.tenants import make_member, make_organization, make_user
from tests.rig.environment import ROOT

pytestmark = pytest.mark.django_db


def run(*words: str) -> list[str]:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue().splitlines()


def only_key() -> ApiKey:
    with unscoped(reason="a test looks at what a command made"):
        return ApiKey.objects.select_related("user", "service_account").get()


@pytest.fixture
def ada(db: None) -> Any:
    acme = make_organization(slug="acme")
    return make_member(acme, Role.ADMIN, user=make_user(email="ada@acme.example"))


# ---------------------------------------------------------------- generate


def test_generate_api_key_prints_the_key_alone_on_the_last_line(ada, facts):
    lines = run(
        *("generate_api_key", "--organization", "acme", "--user", "ada@acme.example"),
        *("--role", "admin", "--name", "ci", "--prefix", "aqe_", "--expires", "90d"),
        *("--limit", "default=10/m", "chat=5/s", "--limit", "upload=1/h"),
    )

    key = only_key()
    identity = identity_of_key(lines[-1])
    assert identity.credential.id == key.public_id
    assert (key.name, key.role, key.prefix, key.user) == ("ci", "admin", "aqe_", ada.user)
    assert key.limits == {"default": "10/m", "chat": "5/s", "upload": "1/h"}
    assert key.expires_at is not None
    assert timedelta(days=89) < key.expires_at - timezone.now() < timedelta(days=90)
    (fact,) = facts
    assert (fact.topic, fact.actor.principal) == (topics.KEY_CREATED, "system")


def test_generate_api_key_as_the_old_scripts_called_it(ada):
    """`python scripts/generate_api_key.py --user admin --role read-write`."""
    lines = run("generate_api_key", "--user", "ada", "--role", "read-write")

    assert (only_key().role, only_key().prefix) == ("user", "ltb_")
    assert identity_of_key(lines[-1]).role is Role.USER


def test_generate_api_key_without_a_person_is_the_first_admins(ada):
    make_member(ada.organization, Role.ADMIN)

    run("generate_api_key", "--role", "admin", "--name", "demo")

    assert only_key().user == ada.user


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--user", "nobody"], "Nobody in acme is called nobody."),
        (["--user", "grace"], "Nobody in acme is called grace."),
        (["--organization", "other", "--user", "ada"], "Nobody in other is called ada."),
        (["--organization", "nowhere", "--user", "ada"], "There is no organisation 'nowhere'"),
        (["--user", "ada", "--role", "root"], "invalid choice: 'root'"),
        (["--user", "ada", "--expires", "soon"], "is not a duration"),
        (["--user", "ada", "--limit", "default"], "is not CLASS=RATE"),
        (["--user", "ada", "--limit", "default=often"], "limits.default"),
        (["--user", "ada", "--limit", "sms=1/m"], "limits.sms"),
        (["--user", "ada", "--prefix", "sk_"], "prefix"),
        (["--user", "ada", "--name", ""], "name"),
        (["--user", "vera", "--role", "admin"], "role"),
    ],
)
def test_generate_api_key_refuses_in_a_sentence(ada, words, message):
    other = make_organization(slug="other")
    make_member(other, user=make_user(email="grace@other.example"))
    make_member(ada.organization, Role.VIEWER, user=make_user(email="vera@acme.example"))
    scope = [] if "--organization" in words else ["--organization", "acme"]

    with pytest.raises(CommandError) as error:
        run("generate_api_key", *scope, *words)

    assert message in str(error.value)


def test_generate_api_key_asks_which_of_several(ada):
    make_member(make_organization(slug="other"))
    make_member(ada.organization, user=make_user(email="ada@elsewhere.example"))

    with pytest.raises(CommandError) as place:
        run("generate_api_key", "--user", "ada")
    with pytest.raises(CommandError) as person:
        run("generate_api_key", "--organization", "acme", "--user", "ada")

    assert str(place.value) == "organization: must be one of acme, other"
    assert str(person.value) == (
        "user: fits several people: ada@acme.example, ada@elsewhere.example"
    )


def test_generate_api_key_in_an_empty_house(db):
    with pytest.raises(CommandError) as error:
        run("generate_api_key", "--user", "ada")

    assert str(error.value) == "There is no organisation with people in it."


def test_generate_api_key_does_not_know_who_is_switched_off(ada):
    ada.user.is_active = False
    ada.user.save()

    with pytest.raises(CommandError):
        run("generate_api_key", "--user", "ada", "--role", "admin")


# ---------------------------------------------------------------- list


def test_list_api_keys_shows_no_secret(ada, stranger):
    issued, foreign = make_key(ada, name="ci"), make_key(stranger, name="theirs")

    lines = run("list_api_keys")

    assert lines[0].split()[:4] == ["ID", "KEY", "STATE", "ROLE"]
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(
        [issued.key.public_id, foreign.key.public_id]
    )
    assert issued.secret not in "\n".join(lines)
    (mine,) = [line for line in lines if issued.key.public_id in line]
    assert mine.split() == [
        issued.key.public_id,
        f"ltb_…{issued.secret[-4:]}",
        "active",
        "admin",
        "acme",
        "ada@acme.example",
        "never",
        "never",
        "ci",
    ]


def test_list_api_keys_of_one_organization(ada, stranger):
    issued = make_key(ada)
    make_key(stranger)

    lines = run("list_api_keys", "--organization", "acme")

    assert [line.split()[0] for line in lines] == ["ID", issued.key.public_id]


def test_list_api_keys_of_an_unknown_organization(ada):
    with pytest.raises(CommandError):
        run("list_api_keys", "--organization", "nowhere")


# ---------------------------------------------------------------- revoke


def test_revoke_api_key(ada, facts):
    issued = make_key(ada, name="ci")
    facts.clear()

    lines = run("revoke_api_key", "--key-id", issued.key.public_id)

    assert lines == [f"{issued.key.public_id}: 'ci' is revoked"]
    assert only_key().state == "revoked"
    assert [fact.topic for fact in facts] == [topics.KEY_REVOKED]


@pytest.mark.parametrize("key_id", ["abc123", "", "key_" + "0" * 32])
def test_revoke_api_key_refuses_an_unknown_one(db, key_id):
    with pytest.raises(CommandError):
        run("revoke_api_key", "--key-id", key_id)


# ---------------------------------------------------------------- scripts


@pytest.mark.integration
@pytest.mark.parametrize(
    "name", ["generate_api_key", "list_api_keys", "revoke_api_key", "warm_models"]
)
def test_script_calls_the_command_from_the_project_folder(name):
    said = subprocess.run(
        [sys.executable, f"scripts/{name}.py", "--help"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (said.returncode, said.stdout.split()[:3]) == (0, ["usage:", "manage.py", name])
