"""Changing routes: each exit of each service, the versions they leave, and the trail."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.actor import Actor, Role
from apps.core.errors import Invalid, NotFound, PermissionDenied, Stale
from apps.core.models import ChangeMark
from apps.events.models import AuditEntry
from apps.providers.enums import Sticky
from apps.providers.errors import InUse, Managed, NameTaken, TooMany
from apps.providers.models import Route, RouteTarget, RouteVersion
from apps.providers.queries.tables import load_table
from apps.providers.services import routes
from apps.tenants.models import Organization
from tests.factories.events import make_actor
from tests.factories.providers import make_deployment, make_prompt, make_route


def create(actor: Actor, *targets: Any, **values: Any) -> Route:
    return routes.create_route(actor=actor, **{"name": "chat", "targets": list(targets), **values})


def shares(route: Route) -> list[tuple[str, float, int]]:
    return [
        (target.deployment.name, target.weight, target.priority)
        for target in RouteTarget.objects.filter(route=route).select_related("deployment")
    ]


def test_create_route_keeps_its_definition_as_a_version(
    organization: Organization, actor: Actor
) -> None:
    one, two = make_deployment(organization), make_deployment(organization)
    make_route(organization, name="spare", targets=[one])
    make_prompt(organization, "Be kind.", name="tone", labels={"production": 1})

    route = create(
        actor,
        {"deployment": two.name, "weight": 9},
        {"deployment": one.public_id, "weight": 0.5, "priority": 1},
        description="For chats",
        fallbacks=["spare"],
        sticky=True,
        retries=0,
        cache_seconds=60,
        captures=True,
        guardrails=[{"name": "deny_list", "options": {"words": ["x"]}}, {"name": "redact"}],
        prompt="tone@production",
    )

    assert shares(route) == [(two.name, 9.0, 0), (one.name, 0.5, 1)]
    (version,) = RouteVersion.objects.filter(route=route)
    assert (version.revision, version.changed_by_id) == (1, actor.user_id)
    assert version.definition == {
        "name": "chat",
        "description": "For chats",
        "targets": [
            {"deployment": two.public_id, "name": two.name, "weight": 9.0, "priority": 0},
            {"deployment": one.public_id, "name": one.name, "weight": 0.5, "priority": 1},
        ],
        "fallbacks": ["spare"],
        "sticky": "session",
        "retries": 0,
        "cache_seconds": 60,
        "captures": True,
        "continues": False,
        "guardrails": [
            {"name": "deny_list", "options": {"words": ["x"]}},
            {"name": "redact", "options": {}},
        ],
        "prompt": "tone@production",
        "is_enabled": True,
    }
    (entry,) = AuditEntry.objects.all()
    assert (entry.action, entry.after) == ("providers.route.created", version.definition)
    assert ChangeMark.objects.filter(scope=f"routes:{organization.public_id}").exists()


def test_create_route_has_defaults(organization: Organization, actor: Actor) -> None:
    route = create(actor, {"deployment": make_deployment(organization).name})

    assert (route.sticky, route.retries, route.fallbacks, route.prompt) == (Sticky.NONE, 2, [], "")
    assert (route.cache_seconds, route.captures, route.continues) == (0, False, False)
    assert (route.guardrails, route.is_enabled, route.revision) == ([], True, 1)


@pytest.mark.parametrize(
    ("sticky", "kept"),
    [(True, "session"), (False, "none"), ("key", "key"), ("session", "session"), ("none", "none")],
)
def test_sticky_is_yes_or_no_or_what_it_goes_by(
    organization: Organization, actor: Actor, sticky: Any, kept: str
) -> None:
    route = create(actor, {"deployment": make_deployment(organization).name}, sticky=sticky)

    assert Route.objects.get(pk=route.pk).sticky == kept


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"name": ""}, ["name"]),
        ({"name": "a" * 51}, ["name"]),
        ({"name": "a/b"}, ["name"]),
        ({"name": "-a"}, ["name"]),
        ({"name": "gpt 4"}, ["name"]),
        ({"name": "route_" + "0" * 32}, ["name"]),
        ({"targets": []}, ["targets"]),
        ({"targets": "one"}, ["targets"]),
        ({"targets": ["one"]}, ["targets.0"]),
        ({"targets": [{}]}, ["targets.0.deployment"]),
        ({"targets": [{"deployment": 7}]}, ["targets.0.deployment"]),
        ({"targets": [{"deployment": "one", "weight": -1}]}, ["targets.0.weight"]),
        ({"targets": [{"deployment": "one", "weight": True}]}, ["targets.0.weight"]),
        ({"targets": [{"deployment": "one", "weight": 0}]}, ["targets"]),
        ({"targets": [{"deployment": "one", "priority": 1.5}]}, ["targets.0.priority"]),
        ({"targets": [{"deployment": "one", "x": 1}]}, ["targets.0.x"]),
        ({"targets": [{"deployment": "one"}] * 2}, ["targets.1.deployment"]),
        ({"targets": [{"deployment": "one"}] * 51}, ["targets"]),
        ({"fallbacks": "spare"}, ["fallbacks"]),
        ({"fallbacks": ["nobody"]}, ["fallbacks.0"]),
        ({"fallbacks": ["chat"]}, ["fallbacks.0"]),
        ({"fallbacks": ["spare", "spare"]}, ["fallbacks.1"]),
        ({"fallbacks": [7]}, ["fallbacks.0"]),
        ({"fallbacks": ["theirs"]}, ["fallbacks.0"]),
        ({"fallbacks": ["spare"] * 11}, ["fallbacks"]),
        ({"sticky": "always"}, ["sticky"]),
        ({"sticky": 1.0}, ["sticky"]),
        ({"retries": 11}, ["retries"]),
        ({"retries": True}, ["retries"]),
        ({"cache_seconds": -1}, ["cache_seconds"]),
        ({"guardrails": {}}, ["guardrails"]),
        ({"guardrails": [{"options": {}}]}, ["guardrails.0.name"]),
        ({"guardrails": [{"name": "a", "options": []}]}, ["guardrails.0.options"]),
        ({"guardrails": [{"name": "a", "x": 1}]}, ["guardrails.0.x"]),
        ({"guardrails": [{"name": "a", "options": {"a": "b" * 20_000}}]}, ["guardrails.0.options"]),
        ({"prompt": "tone"}, ["prompt"]),
        ({"prompt": "tone@2"}, ["prompt"]),
        ({"prompt": "tone@staging"}, ["prompt"]),
        ({"prompt": "theirs@1"}, ["prompt"]),
        ({"description": "a" * 501}, ["description"]),
        ({"retries": 11, "sticky": "x"}, ["sticky", "retries"]),
    ],
)
def test_create_route_refuses_what_will_not_do(
    organization: Organization,
    other: Organization,
    actor: Actor,
    values: dict[str, Any],
    fields: list[str],
) -> None:
    one = make_deployment(organization, name="one")
    make_route(organization, name="spare", targets=[one])
    make_route(other, name="theirs")
    make_prompt(organization, name="tone", labels={"production": 1})
    make_prompt(other, name="theirs")

    with pytest.raises(Invalid) as caught:
        create(actor, **{"targets": [{"deployment": "one"}], **values})

    assert [error.field for error in caught.value.fields] == fields
    assert Route.objects.count() == 1


def test_another_organizations_deployment_is_not_there(actor: Actor, other: Organization) -> None:
    foreign = make_deployment(other, name="theirs")

    for reference in (foreign.public_id, "theirs"):
        with pytest.raises(NotFound) as caught:
            create(actor, {"deployment": reference})
        assert caught.value.data == {"field": "targets.0.deployment"}


def test_names_are_taken_once(
    organization: Organization, other: Organization, actor: Actor
) -> None:
    make_route(other, name="chat")
    target = {"deployment": make_deployment(organization).name}
    create(actor, target)

    with pytest.raises(NameTaken):
        create(actor, target)


def test_there_may_be_so_many(
    organization: Organization, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MOST_ROUTES", 1)
    make_route(organization)

    with pytest.raises(TooMany):
        create(actor, {"deployment": make_deployment(organization).name})


def test_fallbacks_never_run_in_a_circle(organization: Organization, actor: Actor) -> None:
    one = make_deployment(organization)
    make_route(organization, name="a", targets=[one], fallbacks=["b"])
    make_route(organization, name="b", targets=[one], fallbacks=["c"])
    make_route(organization, name="c", targets=[one])

    with pytest.raises(Invalid) as caught:
        routes.update_route(actor=actor, name="c", fallbacks=["a"])
    assert [error.field for error in caught.value.fields] == ["fallbacks.0"]

    routes.update_route(actor=actor, name="b", fallbacks=[])
    assert routes.update_route(actor=actor, name="c", fallbacks=["a"]).fallbacks == ["a"]


def test_update_route_changes_what_is_named(organization: Organization, actor: Actor) -> None:
    one, two = make_deployment(organization), make_deployment(organization)
    route = make_route(organization, name="chat", targets=[one], retries=5, captures=True)

    changed = routes.update_route(
        actor=actor,
        name="chat",
        expected_revision=1,
        targets=[{"deployment": two.name, "weight": 1}, {"deployment": one.name, "weight": 3}],
        sticky="key",
    )

    assert shares(route) == [(two.name, 1.0, 0), (one.name, 3.0, 0)]
    assert [target.deployment.name for target in changed.targets.all()] == [two.name, one.name]
    assert (changed.sticky, changed.retries, changed.captures, changed.revision) == (
        "key",
        5,
        True,
        2,
    )
    assert [view.weight for view in load_table(organization.pk).routes["chat"].targets] == [
        1.0,
        3.0,
    ]
    entry = AuditEntry.objects.get()
    assert [target["weight"] for target in entry.before["targets"]] == [1.0]
    assert [target["weight"] for target in entry.after["targets"]] == [1.0, 3.0]


def test_replace_route_puts_everything_else_back(organization: Organization, actor: Actor) -> None:
    one = make_deployment(organization)
    make_route(organization, name="chat", targets=[one], retries=5, captures=True, is_enabled=False)

    changed = routes.replace_route(actor=actor, name="chat", targets=[{"deployment": one.name}])

    assert (changed.retries, changed.captures, changed.is_enabled) == (2, False, True)


def test_a_stale_revision_changes_nothing(organization: Organization, actor: Actor) -> None:
    make_route(organization, name="chat", revision=3)

    for call in (
        lambda: routes.update_route(actor=actor, name="chat", expected_revision=2, retries=1),
        lambda: routes.remove_route(actor=actor, name="chat", expected_revision=2),
    ):
        with pytest.raises(Stale):
            call()
    assert (Route.objects.get().revision, Route.objects.get().retries) == (3, 2)
    assert AuditEntry.objects.count() == 0


def test_restore_route_brings_a_revision_back(organization: Organization, actor: Actor) -> None:
    one, two = make_deployment(organization), make_deployment(organization)
    create(actor, {"deployment": one.name, "weight": 9}, {"deployment": two.name}, retries=7)
    routes.update_route(actor=actor, name="chat", targets=[{"deployment": two.name}], retries=0)

    restored = routes.restore_route(actor=actor, name="chat", revision=1, expected_revision=2)

    assert shares(restored) == [(one.name, 9.0, 0), (two.name, 1.0, 0)]
    assert (restored.retries, restored.revision) == (7, 3)
    versions = RouteVersion.objects.filter(route=restored).order_by("revision")
    assert [version.revision for version in versions] == [1, 2, 3]
    assert versions[0].definition == versions[2].definition
    with pytest.raises(Stale):
        routes.restore_route(actor=actor, name="chat", revision=2, expected_revision=2)
    with pytest.raises(NotFound):
        routes.restore_route(actor=actor, name="chat", revision=9)


def test_restore_route_needs_what_it_went_to(organization: Organization, actor: Actor) -> None:
    one, two = make_deployment(organization), make_deployment(organization)
    create(actor, {"deployment": one.name})
    routes.update_route(actor=actor, name="chat", targets=[{"deployment": two.name}])
    one.delete()

    with pytest.raises(NotFound):
        routes.restore_route(actor=actor, name="chat", revision=1)
    assert Route.objects.get().revision == 2


def test_a_rollout_alone_moves_the_targets_it_manages(
    organization: Organization, actor: Actor
) -> None:
    one, two = make_deployment(organization), make_deployment(organization)
    route = make_route(organization, name="chat", targets=[one], managed_by="wf_1")
    same = [{"deployment": one.public_id, "weight": 1.0}]

    for call in (
        lambda: routes.update_route(actor=actor, name="chat", targets=[{"deployment": two.name}]),
        lambda: routes.update_route(
            actor=actor, name="chat", targets=[{"deployment": one.name, "weight": 2}]
        ),
        lambda: routes.remove_route(actor=actor, name="chat"),
    ):
        with pytest.raises(Managed) as caught:
            call()
        assert caught.value.data == {"managed_by": "wf_1"}
    changed = routes.update_route(actor=actor, name="chat", targets=same, retries=1)

    assert (shares(route), changed.retries, changed.revision) == ([(one.name, 1.0, 0)], 1, 2)


def test_remove_route_waits_for_those_that_fall_back_on_it(
    organization: Organization, actor: Actor
) -> None:
    route = make_route(organization, name="spare")
    make_route(organization, name="chat", fallbacks=["spare"])

    with pytest.raises(InUse) as caught:
        routes.remove_route(actor=actor, name="spare")
    routes.remove_route(actor=actor, name="chat")
    routes.remove_route(actor=actor, name=route.public_id)

    assert caught.value.data == {"routes": ["chat"]}
    assert Route.objects.count() == 0
    assert [entry.action for entry in AuditEntry.objects.all()] == ["providers.route.removed"] * 2


@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER, Role.SERVICE])
def test_only_admins_change_routes(organization: Organization, role: Role) -> None:
    make_route(organization, name="chat")
    actor = make_actor(organization, role)

    for call in (
        lambda: create(actor, {"deployment": "one"}),
        lambda: routes.update_route(actor=actor, name="chat", retries=1),
        lambda: routes.restore_route(actor=actor, name="chat", revision=1),
        lambda: routes.remove_route(actor=actor, name="chat"),
    ):
        with pytest.raises(PermissionDenied):
            call()


def test_another_organizations_route_is_not_there(actor: Actor, other: Organization) -> None:
    foreign = make_route(other, name="theirs")

    for name in ("theirs", foreign.public_id):
        for call in (
            lambda name=name: routes.update_route(actor=actor, name=name, retries=1),
            lambda name=name: routes.restore_route(actor=actor, name=name, revision=1),
            lambda name=name: routes.remove_route(actor=actor, name=name),
        ):
            with pytest.raises(NotFound):
                call()
