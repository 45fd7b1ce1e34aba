"""The pages of routes: shares as a picture, the form with its rows, what a stale form does, versions brought back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apps.console import shares
from apps.console.shares import Part
from apps.console.words import FACTS
from apps.providers import topics
from apps.providers.gateway.health import health
from apps.providers.models import Deployment, Route
from apps.providers.queries.tables import deployment_view, provider_view
from apps.providers.services import routes
from tests.factories.console import errors, notices, page, row_labels, title, toasts
from tests.factories.providers import make_deployment, make_prompt, make_route
from tests.factories.tenants import actor_of


@pytest.fixture(autouse=True)
def well() -> None:
    health.forget()


@pytest.fixture
def pair(organization) -> tuple[Deployment, Deployment]:
    return make_deployment(organization, name="old"), make_deployment(organization, name="new")


def form(*targets: Any, **more: Any) -> dict[str, Any]:
    """What the browser sends for rows of (deployment, weight, priority)."""
    rows = {"rows": str(len(targets))}
    for number, (deployment, weight, priority) in enumerate(targets):
        rows |= {
            f"target_{number}": deployment.public_id if deployment else "",
            f"weight_{number}": weight,
            f"priority_{number}": priority,
        }
    return {
        "sticky": "none",
        "retries": "2",
        "cache_seconds": "0",
        "is_enabled": "on",
        **rows,
        **more,
    }


def targets_of(route: Route) -> list[tuple[str, float, int]]:
    rows = route.targets.select_related("deployment").order_by("position")
    return [(row.deployment.name, row.weight, row.priority) for row in rows]


def told_shares(answer: Any) -> list[tuple[str, str]]:
    """Names and shares as words, in the order of the page."""
    found = re.findall(
        r'(?:shares__name">|<a href="[^"]*">)([^<]+)</(?:span|a)> <strong>(.*?)</strong>',
        page(answer),
    )
    return [(name, text) for name, text in found]


def test_every_fact_of_traffic_has_words():
    declared = {value for name, value in vars(topics).items() if name.endswith(("ED", "MOVED"))}

    assert {fact for fact in declared if fact.startswith("providers.")} - set(FACTS) == set()


def test_picture_shares_within_each_priority():
    drawn = shares.picture([Part("c", 1, 1), Part("a", 3), Part("b", 1), Part("off", 0)])

    first, then = drawn["levels"]
    assert [(p["name"], p["text"], p["x"], p["width"]) for p in first["parts"]] == [
        ("a", "75 %", "0.000", "75.000"),
        ("b", "25 %", "75.000", "25.000"),
        ("off", "0 %", "100.000", ""),
    ]
    assert [(p["name"], p["text"]) for p in then["parts"]] == [("c", "100 %")]
    assert (first["title"], then["title"]) == ("", "only when those above fail")


@pytest.mark.parametrize(
    ("percent", "text"),
    [(0, "0 %"), (0.04, "< 0.1 %"), (0.5, "0.5 %"), (9, "9 %"), (99.6, "100 %")],
)
def test_percent_text(percent, text):
    assert shares.percent_text(percent) == text


def test_index_shows_the_organizations_routes_with_their_shares(
    at_viewer, organization, stranger, pair
):
    make_route(organization, name="beta", targets=[(pair[0], 9), (pair[1], 1)])
    make_route(organization, name="alpha", targets=[pair[0]], managed_by="wf_1")
    make_route(stranger.organization, name="foreign")

    answer = at_viewer.get("/console/routes")

    assert row_labels(answer) == ["alpha", "beta"]
    assert told_shares(answer) == [("old", "100 %"), ("old", "90 %"), ("new", "10 %")]
    assert "moved by wf_1" in page(answer)


def test_index_without_routes_says_how_to_begin(at_admin, at_viewer):
    assert "Make the first route" in page(at_admin.get("/console/routes"))
    assert "Make the first route" not in page(at_viewer.get("/console/routes"))


def test_detail_shows_which_targets_rest(at_viewer, organization, pair):
    route = make_route(organization, targets=list(pair))
    view = deployment_view(pair[0], provider_view(pair[0].provider))
    for _ in range(3):
        health.note_failure(view)

    html = page(at_viewer.get(f"/console/routes/{route.public_id}"))

    assert "1 target rests" in html
    assert re.findall(r">(Rests for \d+ s)<", html) == ["Rests for 5 s"]
    assert html.count("shares__part--danger") == 2  # in the bar and beside the name
    assert "3 of 3 calls failed in the last minute" in html


def test_detail_of_a_managed_route_says_who_moves_it(at_admin, organization):
    route = make_route(organization, managed_by="wf_77")

    assert "wf_77 moves the shares of this route" in page(
        at_admin.get(f"/console/routes/{route.public_id}")
    )


def test_create_makes_a_route_of_the_rows_that_are_filled(at_admin, organization, pair):
    make_route(organization, name="spare")
    sent = form(
        (pair[0], "9", ""), (None, "5", ""), (pair[1], "", "1"), name="support", fallback_0="spare"
    )

    answer = at_admin.post("/console/routes/new", sent)

    route = Route.objects.get(name="support")
    assert answer.headers["location"] == f"/console/routes/{route.public_id}"
    assert targets_of(route) == [("old", 9.0, 0), ("new", 1.0, 1)]
    assert (route.fallbacks, route.is_enabled, route.sticky) == (["spare"], True, "none")
    assert toasts(at_admin) == ["“support” is ready for calls."]


def test_create_reads_guardrails_and_prompt(at_admin, organization, pair):
    make_prompt(organization, name="greeting")
    more = {"guardrails": 'redact\n\ndeny_list {"words": ["x y"]}\n', "prompt": "greeting@latest"}

    at_admin.post("/console/routes/new", form((pair[0], "1", ""), name="guarded", **more))

    route = Route.objects.get(name="guarded")
    assert route.guardrails == [
        {"name": "redact", "options": {}},
        {"name": "deny_list", "options": {"words": ["x y"]}},
    ]
    shown = page(at_admin.get(f"/console/routes/{route.public_id}/edit"))
    assert 'redact\ndeny_list {"words": ["x y"]}</textarea>' in shown


def test_a_route_is_told_to_go_on_with_streams_and_not_to(at_admin, organization, pair):
    sent = form((pair[0], "1", ""), continues="on")
    at_admin.post("/console/routes/new", {**sent, "name": "lasting"})
    route = Route.objects.get(name="lasting")
    edit = f"/console/routes/{route.public_id}/edit"
    shown = re.search(r'<input[^>]* name="continues"[^>]*>', page(at_admin.get(edit)))
    assert (route.continues, shown and "checked" in shown[0]) == (True, True)

    at_admin.post(edit, {**form((pair[0], "1", "")), "revision": "1"})

    route.refresh_from_db()
    assert (route.revision, route.continues) == (2, False)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"name": "white space"}, "Must be letters, digits and"),
        ({"weight_0": "-1"}, "Ensure this value is greater than or equal to 0."),
        ({"priority_0": "101"}, "Ensure this value is less than or equal to 100."),
        ({"prompt": "nobody@latest"}, "Names no version of a prompt"),
        ({"guardrails": "deny {words}"}, "The options of deny are no JSON."),
        ({"target_0": "dep_" + "0" * 32}, "Select a valid choice."),
    ],
)
def test_create_says_at_the_field_what_is_wrong(more, said, at_admin, pair):
    answer = at_admin.post("/console/routes/new", {**form((pair[0], "1", ""), name="fine"), **more})

    (error,) = errors(answer)
    assert (answer.status, error.startswith(said)) == (422, True)
    assert Route.objects.count() == 0


def test_create_says_at_the_right_row_that_a_deployment_stands_there_twice(at_admin, pair):
    sent = form((pair[0], "1", ""), (None, "", ""), (pair[0], "1", ""), name="twice")

    html = page(at_admin.post("/console/routes/new", sent))

    assert re.findall(r'<ul class="errorlist" id="id_(\w+)_error">', html) == ["target_2"]


def test_create_without_a_target_says_so_above(at_admin, pair):
    answer = at_admin.post("/console/routes/new", form((None, "", ""), name="nowhere"))

    assert (answer.status, notices(answer)) == (422, ["Must hold 1 to 50 targets"])


@pytest.mark.parametrize(("button", "rows"), [("more", 4), ("preview", 2)])
def test_rows_and_shares_come_back_unsaved(button, rows, at_admin, organization, pair):
    route = make_route(organization, targets=[pair[0]])
    sent = form((pair[0], "1", ""), (pair[1], "3", ""), **{button: "yes"})

    answer = at_admin.post(f"/console/routes/{route.public_id}/edit", sent)

    html = page(answer)
    assert (answer.status, html.count('class="targets__row"')) == (200, rows)
    assert told_shares(answer) == [
        ("old", "100 %"),
        ("old", "25 %"),
        ("new", "75 %"),
    ]  # now, then after
    assert targets_of(route) == [("old", 1.0, 0)]


@pytest.mark.parametrize("weight", ["nan", "inf", "-4", "many", "1e999"])
def test_preview_of_senseless_weights_draws_something(weight, at_admin, organization, pair):
    route = make_route(organization, targets=[pair[0]])

    answer = at_admin.post(
        f"/console/routes/{route.public_id}/edit", form((pair[0], weight, weight), preview="yes")
    )

    assert answer.status == 200
    assert told_shares(answer)[1:] == [("old", "100 %")]


def test_edit_changes_and_keeps_a_version(at_admin, admin, organization, pair):
    route = _made(admin, pair)

    answer = at_admin.post(
        f"/console/routes/{route.public_id}/edit",
        form((pair[0], "1", "0"), (pair[1], "1", "0"), revision="1", description="even"),
    )

    route.refresh_from_db()
    assert answer.headers["location"] == f"/console/routes/{route.public_id}"
    assert (route.revision, route.description) == (2, "even")
    assert targets_of(route) == [("old", 1.0, 0), ("new", 1.0, 0)]
    assert toasts(at_admin) == ["Saved as version 2. Every process follows within a second."]


def test_stale_form_puts_what_was_changed_on_top_of_theirs(at_admin, admin, organization, pair):
    route = _made(admin, pair)
    routes.update_route(actor=actor_of(admin), name=route.name, description="theirs", retries=5)
    path = f"/console/routes/{route.public_id}/edit"
    sent = form((pair[0], "1", "0"), (pair[1], "1", "0"), revision="1")

    stale = at_admin.post(path, sent)

    html = page(stale)
    assert stale.status == 412
    assert "Somebody saved version 2 while you were writing." in html
    assert re.findall(r'<th scope="row">(.*?)</th>', html) == ["To old"]  # nothing of theirs
    assert "<del>weight 9</del>" in html
    assert "<ins>weight 1</ins>" in html
    route.refresh_from_db()
    assert (route.revision, targets_of(route)) == (2, [("old", 9.0, 0), ("new", 1.0, 0)])
    again = dict(re.findall(r'<input[^>]* name="(\w+)" value="([^"]*)"', html))
    assert (again["revision"], again["description"], again["retries"]) == ("2", "theirs", "5")
    assert again["weight_0"] == "1"


def test_edit_of_a_managed_route_leaves_its_targets(at_admin, organization, pair):
    route = make_route(organization, targets=[pair[0]], managed_by="wf_1")
    path = f"/console/routes/{route.public_id}/edit"

    html = page(at_admin.get(path))
    answer = at_admin.post(path, form((pair[1], "1", ""), revision="1", description="still"))

    route.refresh_from_db()
    assert ("wf_1 moves the shares" in html, "targets__row" in html) == (True, False)
    assert (answer.status, route.description) == (302, "still")
    assert targets_of(route) == [("old", 1.0, 0)]


def test_version_is_compared_and_brought_back(at_admin, admin, pair):
    route = _made(admin, pair)
    routes.update_route(
        actor=actor_of(admin), name=route.name, targets=[{"deployment": "new"}], retries=0
    )
    path = f"/console/routes/{route.public_id}/versions"

    second, first = page(at_admin.get(f"{path}/2")), page(at_admin.get(f"{path}/1"))
    answer = at_admin.post(f"{path}/1/restore", {"revision": "2"})

    assert re.findall(r'<th scope="row">(.*?)</th>', second) == ["To old", "Retries"]
    assert "This is how the route stands now." in second
    assert "Bring version 1 back?" in first
    assert answer.headers["location"] == f"/console/routes/{route.public_id}"
    assert targets_of(route) == [("old", 9.0, 0), ("new", 1.0, 0)]
    assert toasts(at_admin) == ["Version 1 is back, as version 3."]


def test_restore_of_a_page_that_is_stale_changes_nothing(at_admin, admin, pair):
    route = _made(admin, pair)
    routes.update_route(actor=actor_of(admin), name=route.name, retries=0)

    at_admin.post(f"/console/routes/{route.public_id}/versions/1/restore", {"revision": "1"})

    route.refresh_from_db()
    assert (route.revision, route.retries) == (2, 0)
    assert toasts(at_admin) == ["It was changed since you read it. Read it again and decide anew."]


def test_version_that_never_was_is_missing(at_admin, admin, pair):
    route = _made(admin, pair)

    assert at_admin.get(f"/console/routes/{route.public_id}/versions/9").status == 404


def test_delete_says_what_still_falls_back_on_it(at_admin, organization):
    spare = make_route(organization, name="spare")
    make_route(organization, name="first", fallbacks=["spare"])

    answer = at_admin.post(f"/console/routes/{spare.public_id}/delete")

    assert answer.headers["location"] == f"/console/routes/{spare.public_id}"
    assert toasts(at_admin) == ["It is a fallback of: first."]


def test_delete_removes_it(at_admin, organization):
    route = make_route(organization)

    answer = at_admin.post(f"/console/routes/{route.public_id}/delete")

    assert (answer.headers["location"], Route.objects.count()) == ("/console/routes", 0)
    assert title(at_admin.get(f"/console/routes/{route.public_id}")) == "There is nothing here"


def _made(admin: Any, pair: tuple[Deployment, Deployment]) -> Route:
    """By the service, so that its first version is kept."""
    targets = [{"deployment": "old", "weight": 9}, {"deployment": "new", "weight": 1}]
    return routes.create_route(actor=actor_of(admin), name="support", targets=targets)
