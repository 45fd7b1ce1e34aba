"""Moving versions: one in production at a time, aliases, and promotions that people have to agree to."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from apps.approvals.errors import OwnRequest
from apps.approvals.models import ApprovalRequest
from apps.approvals.services import decisions, policies
from apps.core.actor import Actor
from apps.core.errors import Conflict, Invalid, NotFound, Stale
from apps.core.models import ChangeMark
from apps.core.tenancy import organization_scope
from apps.events.models import AuditEntry
from apps.models.enums import Stage, VersionStatus
from apps.models.errors import NotReady, TooMany
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.services import aliases, asking, registry, stages, versions
from apps.tenants.models import Organization
from tests.factories.models import make_model, make_version
from tests.factories.tenants import actor_of, make_admin, make_organization


@pytest.fixture
def churn(organization: Organization) -> RegisteredModel:
    model = make_model(organization, name="churn")
    make_version(model, label="1.0", stage=Stage.PRODUCTION)
    make_version(model, label="1.1", metrics={"accuracy": 0.87})
    return model


def standings() -> dict[str, str]:
    return dict(ModelVersion.objects.order_by("number").values_list("label", "stage"))


def promote(actor: Actor, tag: str = "1.1", **more: Any) -> stages.Moved:
    return stages.set_stage(actor=actor, name="churn", tag=tag, stage=Stage.PRODUCTION, **more)


def test_promoting_archives_the_former(churn: RegisteredModel, actor: Actor) -> None:
    moved = promote(actor)

    assert (moved.approval_id, moved.version.stage, moved.version.revision) == (
        None, "Production", 2,
    )  # fmt: skip
    assert standings() == {"1.0": "Archived", "1.1": "Production"}
    entries = AuditEntry.objects.order_by("pk").values_list("action", "before", "after")
    assert list(entries) == [
        (
            "models.version.staged",
            {"version": "1.0", "stage": "Production"},
            {"version": "1.0", "stage": "Archived"},
        ),
        (
            "models.version.staged",
            {"version": "1.1", "stage": "None"},
            {"version": "1.1", "stage": "Production"},
        ),
    ]
    assert ChangeMark.objects.filter(scope__startswith="models:").exists()


def test_a_version_that_is_there_already_stays(churn: RegisteredModel, actor: Actor) -> None:
    promote(actor, "1.0")

    assert standings() == {"1.0": "Production", "1.1": "None"}
    assert AuditEntry.objects.count() == 0


@pytest.mark.parametrize("status", [VersionStatus.CHECKING, VersionStatus.REFUSED])
@pytest.mark.parametrize("stage", [Stage.STAGING, Stage.PRODUCTION])
def test_what_is_not_ready_does_not_serve(
    churn: RegisteredModel, actor: Actor, status: VersionStatus, stage: Stage
) -> None:
    ModelVersion.objects.filter(label="1.1").update(status=status)

    with pytest.raises(NotReady):
        stages.set_stage(actor=actor, name="churn", tag="1.1", stage=stage)
    with pytest.raises(NotReady):
        aliases.set_alias(actor=actor, name="churn", alias="champion", tag="1.1")


def test_a_stale_revision_moves_nothing(churn: RegisteredModel, actor: Actor) -> None:
    with pytest.raises(Stale):
        promote(actor, expected_revision=7)

    assert standings() == {"1.0": "Production", "1.1": "None"}


def test_what_something_else_moves_is_left_to_it(churn: RegisteredModel, actor: Actor) -> None:
    RegisteredModel.objects.update(managed_by="workflow_1")

    with pytest.raises(Conflict) as refused:
        promote(actor)

    assert refused.value.code == "managed"


@pytest.mark.parametrize("tag", ["nope", "9", "@champion", "../1.0", "1.0\u202e", "", "staging"])
def test_a_version_that_is_not_there(churn: RegisteredModel, actor: Actor, tag: str) -> None:
    with pytest.raises(NotFound):
        promote(actor, tag)


def test_an_alias_names_one_version_at_a_time(churn: RegisteredModel, actor: Actor) -> None:
    aliases.set_alias(actor=actor, name="churn", alias="champion", tag="1.0")
    model = aliases.set_alias(actor=actor, name="churn", alias="champion", tag="2").model

    assert [(alias.name, alias.version.label) for alias in model.aliases.all()] == [
        ("champion", "1.1")
    ]
    assert promote(actor, "@champion").version.label == "1.1"


@pytest.mark.parametrize("alias", ["", "latest", "production", "1", "A", "a/b", "a..b", "a" * 51])
def test_a_wrong_alias_is_named(churn: RegisteredModel, actor: Actor, alias: str) -> None:
    with pytest.raises(Invalid) as refused:
        aliases.set_alias(actor=actor, name="churn", alias=alias, tag="1.0")

    assert [each.field for each in refused.value.fields] == ["alias"]


def test_there_may_be_so_many_aliases(
    churn: RegisteredModel, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aliases, "MOST_ALIASES", 1)
    aliases.set_alias(actor=actor, name="churn", alias="a", tag="1.0")
    aliases.set_alias(actor=actor, name="churn", alias="a", tag="1.1")

    with pytest.raises(TooMany):
        aliases.set_alias(actor=actor, name="churn", alias="b", tag="1.0")


@pytest.fixture
def approver(organization: Organization) -> Actor:
    return actor_of(make_admin(organization, is_approver=True))


@pytest.fixture
def policy(organization: Organization, approver: Actor) -> Any:
    return policies.create_policy(
        actor=approver, name="churn", kind=asking.PROMOTION, selector="churn*"
    )


def test_a_promotion_under_a_policy_waits_for_people(
    churn: RegisteredModel, actor: Actor, approver: Actor, policy: Any
) -> None:
    moved = promote(actor)
    before = standings()
    decisions.approve(actor=approver, approval_id=str(moved.approval_id))

    assert before == {"1.0": "Production", "1.1": "None"}
    assert standings() == {"1.0": "Archived", "1.1": "Production"}


def test_an_approval_holds_for_what_people_saw(
    churn: RegisteredModel, actor: Actor, approver: Actor, policy: Any
) -> None:
    moved = promote(actor)
    ModelVersion.objects.filter(label="1.0").update(stage=Stage.ARCHIVED)
    make_version(churn, label="2.0", stage=Stage.PRODUCTION)

    with pytest.raises(Conflict):
        decisions.approve(actor=approver, approval_id=str(moved.approval_id))

    assert standings() == {"1.0": "Archived", "1.1": "None", "2.0": "Production"}


def named(model: RegisteredModel) -> dict[str, str]:
    return {alias.name: alias.version.label for alias in model.aliases.select_related("version")}


def champion(actor: Actor, tag: str) -> aliases.Aliased:
    return aliases.set_alias(actor=actor, name="churn", alias="champion", tag=tag)


def test_an_alias_under_a_policy_waits_for_people(
    churn: RegisteredModel, actor: Actor, approver: Actor, policy: Any
) -> None:
    champion(actor, "1.0")
    moved = champion(actor, "1.1")
    before = named(churn)
    request = ApprovalRequest.objects.get(public_id=str(moved.approval_id))
    decisions.approve(actor=approver, approval_id=str(moved.approval_id))

    assert (before, named(churn)) == ({"champion": "1.0"}, {"champion": "1.1"})
    assert request.changes == [{"label": "@champion", "before": "1.0", "after": "1.1"}]
    assert request.payload["alias"] == "champion"
    assert standings() == {"1.0": "Production", "1.1": "None"}


def test_a_new_alias_off_production_waits_too(
    churn: RegisteredModel, actor: Actor, approver: Actor, policy: Any
) -> None:
    moved = champion(actor, "1.1")
    before = named(churn)
    with pytest.raises(Conflict):
        promote(actor)
    decisions.approve(actor=approver, approval_id=str(moved.approval_id))

    assert (before, named(churn)) == ({}, {"champion": "1.1"})


def test_an_alias_onto_production_or_where_it_is_needs_nobody(
    churn: RegisteredModel, actor: Actor, policy: Any
) -> None:
    make_version(churn, label="2.0", alias="challenger")

    assert champion(actor, "production").approval_id is None
    again = aliases.set_alias(actor=actor, name="churn", alias="challenger", tag="2.0")

    assert (again.approval_id, named(churn)) == (None, {"champion": "1.0", "challenger": "2.0"})


def test_an_approved_alias_moves_from_where_people_saw_it(
    churn: RegisteredModel, actor: Actor, approver: Actor, policy: Any
) -> None:
    moved = champion(actor, "1.1")
    champion(actor, "1.0")

    with pytest.raises(Conflict) as refused:
        decisions.approve(actor=approver, approval_id=str(moved.approval_id))

    assert (refused.value.code, named(churn)) == ("not_carried_out", {"champion": "1.0"})


def test_other_metrics_are_other_evidence(
    churn: RegisteredModel, organization: Organization, actor: Actor, approver: Actor
) -> None:
    policies.create_policy(actor=approver, name="churn", kind=asking.PROMOTION, quorum=2)
    waiting = str(promote(actor).approval_id)
    changer = actor_of(make_admin(organization, is_approver=True))
    decisions.approve(actor=approver, approval_id=waiting)

    def change(tag: str, **values: Any) -> None:
        versions.change_version(actor=changer, name="churn", tag=tag, **values)

    change("1.1", description="x", metrics={"accuracy": 0.87})
    change("1.0", metrics={"accuracy": 0.5})
    before = ApprovalRequest.objects.get()
    kept = len(before.standing)
    change("1.1", metrics={"accuracy": 0.99})
    after = ApprovalRequest.objects.get()

    assert (kept, len(after.standing), after.state) == (1, 0, "pending")
    assert [each["value"] for each in before.evidence + after.evidence] == [0.87, 0.99]
    with pytest.raises(OwnRequest):
        decisions.approve(actor=changer, approval_id=waiting)


@pytest.mark.parametrize("tag", ["1.1", "1.0"])
@pytest.mark.parametrize("is_alias", [False, True])
def test_archiving_voids_what_waits_on_that_version(
    is_alias: bool, tag: str, churn: RegisteredModel, actor: Actor, policy: Any
) -> None:
    champion(actor, "1.1") if is_alias else promote(actor)

    stages.set_stage(actor=actor, name="churn", tag=tag, stage=Stage.ARCHIVED)

    kept = ApprovalRequest.objects.get()
    assert (kept.state, kept.reason) == (
        ("void", "Version 1.1 was archived.") if tag == "1.1" else ("pending", "")
    )


def test_removing_voids_what_waits(churn: RegisteredModel, actor: Actor, policy: Any) -> None:
    promote(actor)
    versions.remove_version(actor=actor, name="churn", tag="1.1")
    make_version(churn, label="1.2")
    promote(actor, "1.2")
    ModelVersion.objects.filter(label="1.0").update(stage=Stage.ARCHIVED)
    registry.remove_model(actor=actor, name="churn")

    rows = ApprovalRequest.objects.order_by("pk").values_list("state", "reason")
    assert list(rows) == [
        ("void", "Version 1.1 was removed."),
        ("void", "The model was removed."),
    ]


def test_an_alias_of_another_model_needs_nobody(
    churn: RegisteredModel, organization: Organization, actor: Actor, policy: Any
) -> None:
    make_version(make_model(organization, name="fraud"))

    moved = aliases.set_alias(actor=actor, name="fraud", alias="champion", tag="1")

    assert moved.approval_id is None


def test_other_stages_need_nobody(churn: RegisteredModel, actor: Actor, policy: Any) -> None:
    moved = stages.set_stage(actor=actor, name="churn", tag="1.1", stage=Stage.STAGING)

    assert (moved.approval_id, moved.version.stage) == (None, "Staging")


@pytest.mark.django_db(transaction=True)
def test_a_race_leaves_one_in_production() -> None:
    place = make_organization()
    admin = make_admin(place)
    with organization_scope(place.pk):
        actor = actor_of(admin)
    model = make_model(place, name="churn")
    for _ in range(5):
        make_version(model)
    failed: list[BaseException] = []

    def run(tag: str) -> None:
        try:
            with organization_scope(place.pk):
                promote(actor, tag)
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(str(number),)) for number in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with organization_scope(place.pk):
        found = sorted(standings().values())
    assert (failed, found) == ([], ["Archived"] * 4 + ["Production"])
