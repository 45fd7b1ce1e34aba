"""Asking servers to load models: who answers, who cannot, and who is not there."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from apps.core import changes
from apps.core.actor import Actor
from apps.models.enums import Stage
from apps.models.errors import NoProductionVersion, UnknownModel
from apps.models.models import ModelVersion
from apps.models.services import warm_calls
from apps.models.topics import WARM_FAILED_SCOPE, WARM_SCOPE, WARMED_SCOPE
from apps.tenants.models import Organization
from tests.factories.models import make_model, make_version

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_calls, "OTHERS_SECONDS", 0.05)
    monkeypatch.setattr(warm_calls, "LOOK_SECONDS", 0.01)


@pytest.fixture
def version(organization: Organization, actor: Actor) -> ModelVersion:
    return make_version(
        make_model(organization, name="churn"), label="1.2.0", stage=Stage.PRODUCTION
    )


def place(version: ModelVersion) -> str:
    return f"{version.organization.public_id}:{version.model.public_id}"


def servers(version: ModelVersion, *answers: str) -> Callable[[float], None]:
    """One answer each time the asker waits, once it has asked."""
    left = list(answers)

    def wait(seconds: float) -> None:
        if left and changes.numbers_of([WARM_SCOPE + place(version)]):
            with transaction.atomic():
                changes.announce_change(left.pop(0) + place(version))

    return wait


def test_whoever_answers_is_counted(actor: Actor, version: ModelVersion) -> None:
    heard = servers(version, WARMED_SCOPE, WARMED_SCOPE, WARM_FAILED_SCOPE)

    (one,) = warm_calls.warm_models(actor=actor, names=["churn", "churn"], seconds=5, wait=heard)

    assert (one.version.label, one.loaded, one.failed) == ("1.2.0", 2, 1)


def test_what_somebody_else_was_answered_is_no_answer(actor: Actor, version: ModelVersion) -> None:
    with transaction.atomic():
        changes.announce_change(WARMED_SCOPE + place(version))

    (one,) = warm_calls.warm_models(actor=actor, names=["churn"], seconds=0.1)

    assert (one.loaded, one.failed) == (0, 0)


def test_each_model_is_asked_for_once(actor: Actor, version: ModelVersion) -> None:
    other = make_version(make_model(version.organization, name="other"), stage=Stage.PRODUCTION)

    warm_calls.warm_models(actor=actor, names=["churn", "other"], seconds=0.05)

    scopes = [WARM_SCOPE + place(each) for each in (version, other)]
    assert sorted(changes.numbers_of(scopes)) == sorted(scopes)


def test_nobody_is_asked_when_one_name_is_wrong(
    actor: Actor, version: ModelVersion, organization: Organization, other: Organization
) -> None:
    make_model(organization, name="unstaged")
    make_version(make_model(other, name="theirs"), stage=Stage.PRODUCTION)

    with pytest.raises(NoProductionVersion):
        warm_calls.warm_models(actor=actor, names=["churn", "unstaged"], seconds=1)
    with pytest.raises(UnknownModel):
        warm_calls.warm_models(actor=actor, names=["churn", "theirs"], seconds=1)

    assert changes.numbers_of([WARM_SCOPE + place(version)]) == {}


def test_the_command_says_what_it_heard(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        warm_calls.warm_models, "__kwdefaults__", {"wait": servers(version, WARMED_SCOPE)}
    )
    said = StringIO()

    call_command("warm_models", "--models", "churn", "--organization", "acme", stdout=said)

    assert said.getvalue() == "churn 1.2.0: loaded by a server process\n"


def test_the_command_fails_where_no_server_runs(version: ModelVersion) -> None:
    said = StringIO()

    with pytest.raises(CommandError, match="Not every model is loaded"):
        call_command("warm_models", "--models=churn", "--organization=acme", "--seconds=0.1", stdout=said)  # fmt: skip

    assert said.getvalue() == "churn 1.2.0: nobody answered; is a server running?\n"


def test_the_command_names_what_is_wrong(version: ModelVersion) -> None:
    with pytest.raises(CommandError, match="There is no model nobody"):
        call_command("warm_models", "--models=nobody", "--organization=acme")
