"""Changing prompts: versions that never change, labels that move, and what calls make of a reference."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.actor import Actor, Role
from apps.core.errors import Invalid, NotFound, PermissionDenied, Stale
from apps.core.models import ChangeMark
from apps.events.models import AuditEntry
from apps.providers.errors import InUse, NameTaken, TooMany
from apps.providers.models import Prompt, PromptLabel, PromptVersion
from apps.providers.queries import prompts as queries
from apps.providers.queries.tables import load_table
from apps.providers.services import prompts
from apps.tenants.models import Organization
from tests.factories.events import make_actor
from tests.factories.providers import make_deployment, make_prompt, make_route

HELLO = [{"role": "system", "content": "Hello {{name}}."}]
BYE = [{"role": "system", "content": "Bye {{name}}."}]


def labels(name: str) -> dict[str, int]:
    rows = PromptLabel.objects.filter(prompt__name=name).select_related("version")
    return {row.name: row.version.number for row in rows}


def test_create_prompt_makes_its_first_version(organization: Organization, actor: Actor) -> None:
    prompt = prompts.create_prompt(
        actor=actor,
        name="tone",
        messages=HELLO,
        description="How we speak",
        parameters={"temperature": 0},
        note="first",
        labels=["production", "staging"],
    )

    version = PromptVersion.objects.get()
    assert (version.number, version.messages, version.parameters, version.note) == (
        1,
        HELLO,
        {"temperature": 0},
        "first",
    )
    assert version.created_by_id == actor.user_id
    assert labels("tone") == {"production": 1, "staging": 1}
    assert (prompt.newest, prompt.revision) == (1, 1)
    (entry,) = AuditEntry.objects.all()
    assert (entry.action, entry.after) == (
        "providers.prompt.created",
        {
            "name": "tone",
            "description": "How we speak",
            "versions": 1,
            "labels": {"production": 1, "staging": 1},
        },
    )
    assert ChangeMark.objects.filter(scope=f"routes:{organization.public_id}").exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "a/b"}, "name"),
        ({"name": "a@b"}, "name"),
        ({"messages": []}, "messages"),
        ({"parameters": {"model": "x"}}, "parameters.model"),
        ({"labels": ["ok", "latest"]}, "labels.1"),
        ({"description": "a\nb"}, "description"),
        ({"note": "a" * 501}, "note"),
    ],
)
def test_create_prompt_refuses_what_will_not_do(
    actor: Actor, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        prompts.create_prompt(actor=actor, **{"name": "tone", "messages": HELLO, **values})

    assert [error.field for error in caught.value.fields] == [field]
    assert Prompt.objects.count() == 0


def test_names_are_taken_once(
    organization: Organization, other: Organization, actor: Actor
) -> None:
    make_prompt(other, name="tone")
    prompts.create_prompt(actor=actor, name="tone", messages=HELLO)

    with pytest.raises(NameTaken):
        prompts.create_prompt(actor=actor, name="tone", messages=HELLO)


def test_there_may_be_so_many(
    organization: Organization, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOST_PROMPTS", "MOST_VERSIONS", "MOST_LABELS"):
        monkeypatch.setattr(prompts, name, 1)
    make_prompt(organization, name="tone", labels={"production": 1})

    for call in (
        lambda: prompts.create_prompt(actor=actor, name="more", messages=HELLO),
        lambda: prompts.add_version(actor=actor, name="tone", messages=HELLO),
        lambda: prompts.set_label(actor=actor, name="tone", label="staging", version=1),
    ):
        with pytest.raises(TooMany):
            call()
    prompts.set_label(actor=actor, name="tone", label="production", version=1)


def test_add_version_leaves_the_former_ones(organization: Organization, actor: Actor) -> None:
    make_prompt(organization, "One", "Two", name="tone", labels={"production": 1, "staging": 2})

    version = prompts.add_version(actor=actor, name="tone", messages=BYE, labels=["staging"])

    assert version.number == 3
    contents = [row.messages[0]["content"] for row in PromptVersion.objects.order_by("number")]
    assert contents == ["One", "Two", "Bye {{name}}."]
    assert labels("tone") == {"production": 1, "staging": 3}
    assert Prompt.objects.get().revision == 2
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.before["versions"], entry.after["versions"]) == (
        "providers.prompt.changed",
        2,
        3,
    )


def test_set_label_moves_what_routes_go_by(organization: Organization, actor: Actor) -> None:
    make_prompt(organization, "One", "Two", name="tone", labels={"production": 1})
    make_route(organization, name="chat", prompt="tone@production")

    before = load_table(organization.pk).prompts["tone@production"]
    prompts.set_label(actor=actor, name="tone", label="production", version=2)
    after = load_table(organization.pk).prompts["tone@production"]

    assert (before.version, before.messages[0]["content"]) == (1, "One")
    assert (after.version, after.messages[0]["content"]) == (2, "Two")
    with pytest.raises(Invalid):
        prompts.set_label(actor=actor, name="tone", label="production", version=3)


def test_every_change_may_name_the_revision_it_builds_on(
    organization: Organization, actor: Actor
) -> None:
    make_prompt(organization, name="tone", labels={"production": 1}, revision=4)
    one: dict[str, Any] = {"actor": actor, "name": "tone", "expected_revision": 3}

    for call in (
        lambda: prompts.add_version(**one, messages=BYE),
        lambda: prompts.describe_prompt(**one, description="x"),
        lambda: prompts.set_label(**one, label="a", version=1),
        lambda: prompts.remove_label(**one, label="production"),
        lambda: prompts.remove_prompt(**one),
    ):
        with pytest.raises(Stale):
            call()
    changed = prompts.describe_prompt(
        actor=actor, name="tone", description="x", expected_revision=4
    )
    assert (changed.revision, changed.description) == (5, "x")


def test_what_a_route_uses_stays(organization: Organization, actor: Actor) -> None:
    make_prompt(organization, name="tone", labels={"production": 1, "staging": 1})
    make_prompt(organization, name="tone2", labels={"production": 1})
    route = make_route(organization, name="chat", prompt="tone@production")
    one: dict[str, Any] = {"actor": actor, "name": "tone"}

    for call in (
        lambda: prompts.remove_label(**one, label="production"),
        lambda: prompts.remove_prompt(**one),
    ):
        with pytest.raises(InUse) as caught:
            call()
        assert caught.value.data == {"routes": ["chat"]}
    prompts.remove_label(**one, label="staging")
    prompts.remove_label(actor=actor, name="tone2", label="production")
    with pytest.raises(NotFound):
        prompts.remove_label(**one, label="staging")
    route.delete()
    prompts.remove_prompt(**one)

    assert [prompt.name for prompt in Prompt.objects.all()] == ["tone2"]
    assert AuditEntry.objects.latest("id").action == "providers.prompt.removed"


@pytest.mark.parametrize(
    ("reference", "number"), [("tone@latest", 3), ("tone@production", 1), ("tone@2", 2)]
)
def test_load_prompt_finds_what_a_reference_stands_for(
    organization: Organization, other: Organization, reference: str, number: int
) -> None:
    make_prompt(organization, "1", "2", "3", name="tone", labels={"production": 1})
    make_prompt(organization, "x", name="noise", labels={"production": 1})
    make_prompt(other, *("?" * 5), name="tone", labels={"production": 5})

    view = queries.load_prompt(organization.pk, reference)

    assert (view.name, view.version, view.messages[0]["content"]) == ("tone", number, str(number))


@pytest.mark.parametrize("reference", ["tone@4", "tone@nobody", "theirs@1", "nobody@latest"])
def test_load_prompt_of_nothing_is_not_found(
    organization: Organization, other: Organization, reference: str
) -> None:
    make_prompt(organization, name="tone")
    make_prompt(other, name="theirs")

    with pytest.raises(NotFound):
        queries.load_prompt(organization.pk, reference)


def test_prompts_of_a_table_cost_the_same_however_many(organization: Organization) -> None:
    def routed(number: int) -> None:
        make_prompt(organization, "a", "b", name=f"tone{number}", labels={"production": 1})
        for tag in ("production", "latest", "2"):
            make_route(organization, prompt=f"tone{number}@{tag}", targets=[deployment])

    deployment = make_deployment(organization)
    routed(1)
    with CaptureQueriesContext(connection) as few:
        load_table(organization.pk)
    routed(2)
    routed(3)

    with CaptureQueriesContext(connection) as many:
        table = load_table(organization.pk)

    versions = {reference: view.version for reference, view in table.prompts.items()}
    assert versions == {
        f"tone{number}@{tag}": version
        for number in (1, 2, 3)
        for tag, version in (("production", 1), ("latest", 2), ("2", 2))
    }
    assert len(many) == len(few) == 7


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SERVICE])
def test_only_people_change_prompts(organization: Organization, role: Role) -> None:
    make_prompt(organization, name="tone", labels={"production": 1})
    one: dict[str, Any] = {"actor": make_actor(organization, role), "name": "tone"}

    for call in (
        lambda: prompts.create_prompt(**{**one, "name": "more"}, messages=HELLO),
        lambda: prompts.add_version(**one, messages=BYE),
        lambda: prompts.describe_prompt(**one, description="x"),
        lambda: prompts.set_label(**one, label="a", version=1),
        lambda: prompts.remove_label(**one, label="production"),
        lambda: prompts.remove_prompt(**one),
    ):
        with pytest.raises(PermissionDenied):
            call()


def test_another_organizations_prompt_is_not_there(actor: Actor, other: Organization) -> None:
    foreign = make_prompt(other, name="theirs", labels={"production": 1})

    for name in ("theirs", foreign.public_id):
        for call in (
            lambda name=name: prompts.add_version(actor=actor, name=name, messages=BYE),
            lambda name=name: prompts.set_label(actor=actor, name=name, label="a", version=1),
            lambda name=name: prompts.remove_prompt(actor=actor, name=name),
            lambda name=name: queries.version(actor=actor, name=name, tag="1"),
        ):
            with pytest.raises(NotFound):
                call()
