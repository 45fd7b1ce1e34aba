"""The pages of providers and deployments: kinds, credentials that never come out, tests, models, prices and limits."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.console import deployment_rows
from apps.console.provider_kinds import GROUPS, KINDS
from apps.core.errors import Upstream
from apps.providers.adapters.protocol import DiscoveredModel
from apps.providers.enums import ProviderKind
from apps.providers.models import Deployment, Provider
from apps.providers.services import connections
from tests.factories.console import errors, notices, page, row_labels, title, toasts
from tests.factories.providers import make_deployment, make_provider, make_route

SECRET = "sk-canary-1234567890abcd"


def test_every_kind_has_words_and_a_group():
    assert set(KINDS) == set(ProviderKind)
    assert sorted(kind for _title, kinds in GROUPS for kind in kinds) == sorted(ProviderKind)


def test_index_lists_the_organizations_providers_with_their_last_check(
    at_viewer, organization, stranger
):
    now = timezone.now()
    make_provider(stranger.organization, name="foreign")
    make_provider(organization, name="d-off", is_enabled=False, checked_at=now)
    make_provider(organization, name="c-failed", checked_at=now, check_error="401: no such key")
    make_provider(organization, name="b-well", checked_at=now)
    make_provider(organization, name="a-new")

    answer = at_viewer.get("/console/providers")

    assert row_labels(answer) == ["a-new", "b-well", "c-failed", "d-off"]
    lamps = re.findall(r'<td class="cell--lamp".*?lamp__word">(.*?)<', page(answer))
    assert lamps == ["Not tested yet", "Well", "Failed", "Disabled"]
    assert 'title="401: no such key"' in page(answer)


def test_create_asks_for_the_kind_first(at_admin):
    html = page(at_admin.get("/console/providers/new"))

    assert re.findall(r'\?kind=(\w+)"', html) == [
        kind.value for _title, kinds in GROUPS for kind in kinds
    ]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("openai", ["name", "base_url", "api_key", "option_organization", "option_project"]),
        ("vllm", ["name", "base_url", "api_key"]),
        ("azure_openai", ["name", "base_url", "api_key", "option_api_version"]),
        ("local", ["name"]),
    ],
)
def test_create_asks_for_what_the_kind_takes(kind, names, at_admin):
    html = page(at_admin.get(f"/console/providers/new?kind={kind}"))

    assert re.findall(r'<input type="(?:text|url|password|number)" name="(\w+)"', html) == names


def test_create_keeps_the_credential_and_never_shows_it(at_admin, organization):
    sent = {"name": "openai", "api_key": SECRET, "option_project": "p1"}

    answer = at_admin.post("/console/providers/new?kind=openai", sent)

    provider = Provider.objects.get()
    assert answer.headers["location"] == f"/console/providers/{provider.public_id}"
    assert (provider.credential, provider.options) == (SECRET, {"project": "p1"})
    for path in ("", "/new?kind=openai", f"/{provider.public_id}", f"/{provider.public_id}/edit"):
        assert SECRET not in at_admin.get(f"/console/providers{path}").body.decode()
    assert ">…abcd<" in page(at_admin.get(f"/console/providers/{provider.public_id}"))


def test_create_that_is_refused_forgets_the_credential(at_admin):
    sent = {"name": "vllm", "base_url": "http://127.0.0.1:9", "api_key": SECRET}

    answer = at_admin.post("/console/providers/new?kind=vllm", sent)

    (error,) = errors(answer)
    assert (answer.status, "not public" in error) == (422, True)
    assert SECRET not in answer.body.decode()


@pytest.mark.parametrize(
    ("kind", "sent", "said"),
    [
        ("openai", {}, "Is needed for openai"),
        ("vllm", {}, "This field is required."),
        ("openai", {"api_key": "with space"}, "Must be printable ASCII without spaces"),
        ("simulated", {"option_error_rate": "2"}, "Ensure this value is less than or equal to 1"),
        ("openai", {"api_key": SECRET, "option_project": "é"}, "Must be a line of 1 to 500"),
    ],
)
def test_create_says_at_the_field_what_is_wrong(kind, sent, said, at_admin):
    answer = at_admin.post(f"/console/providers/new?kind={kind}", {"name": "one", **sent})

    (error,) = errors(answer)
    assert (answer.status, error.startswith(said)) == (422, True)
    assert Provider.objects.count() == 0


def test_create_under_a_taken_name_says_so_above(at_admin, organization):
    make_provider(organization, name="demo")

    answer = at_admin.post("/console/providers/new?kind=simulated", {"name": "demo"})

    assert (answer.status, notices(answer)) == (409, ["Another one has this name already."])


def test_edit_without_a_credential_keeps_the_one_there_is(at_admin, organization):
    provider = _openai(organization)
    sent = {"name": "renamed", "base_url": provider.base_url, "is_enabled": "on", "revision": "1"}

    answer = at_admin.post(f"/console/providers/{provider.public_id}/edit", sent)

    provider.refresh_from_db()
    assert answer.headers["location"] == f"/console/providers/{provider.public_id}"
    assert (provider.name, provider.credential, provider.revision) == ("renamed", SECRET, 2)


def test_edit_says_which_credential_is_kept_and_that_another_host_drops_it(at_admin, organization):
    provider = _openai(organization)

    html = page(at_admin.get(f"/console/providers/{provider.public_id}/edit"))

    assert "…abcd is kept; empty leaves it as it is. Another host drops it" in html


def test_edit_that_is_stale_changes_nothing(at_admin, organization):
    provider = _openai(organization, revision=4)
    sent = {"name": "renamed", "base_url": "", "is_enabled": "on", "revision": "3"}

    answer = at_admin.post(f"/console/providers/{provider.public_id}/edit", sent)

    provider.refresh_from_db()
    assert (answer.status, provider.name) == (412, "openai")
    assert "It was changed since you read it." in page(answer)


def test_test_takes_the_place_of_the_last_one(at_admin, organization):
    provider = make_provider(organization)
    path = f"/console/providers/{provider.public_id}/test"
    headers = {"content-type": "application/x-www-form-urlencoded", "hx-request": "true"}

    answer = at_admin.client.post(
        path,
        raw=f"csrfmiddlewaretoken={at_admin.cookies['csrftoken']}".encode(),
        cookies=at_admin.cookies,
        headers=headers,
    )

    html = page(answer)
    assert (answer.status, "<html" in html) == (200, False)
    assert re.search(r"It named 3 models within \d+ ms\.", html)
    provider.refresh_from_db()
    assert (provider.checked_at is None, provider.check_error) == (False, "")


def test_test_without_a_script_comes_back_to_the_page(at_admin, organization):
    provider = make_provider(organization, options={"status": 503})

    answer = at_admin.post(f"/console/providers/{provider.public_id}/test")

    assert answer.headers["location"] == f"/console/providers/{provider.public_id}"
    (said,) = toasts(at_admin)
    provider.refresh_from_db()
    assert said.startswith("It is well.") is not bool(provider.check_error)


def test_test_tells_what_failed(at_admin, organization, monkeypatch):
    def fail(*_: Any) -> None:
        raise Upstream("401: no such key")

    monkeypatch.setattr(connections, "_models_of", fail)
    provider = make_provider(organization)

    at_admin.post(f"/console/providers/{provider.public_id}/test")

    assert toasts(at_admin) == ["The connection failed: 401: no such key"]
    html = page(at_admin.get(f"/console/providers/{provider.public_id}"))
    assert '<p class="state-danger break">401: no such key</p>' in html


def test_models_that_are_chosen_become_deployments(at_admin, organization):
    provider = make_provider(organization)
    make_deployment(organization, provider=provider, name="there", model="simulated")
    path = f"/console/providers/{provider.public_id}/models"

    html = page(at_admin.get(path))
    answer = at_admin.post(path, {"models": "simulated-fast"})

    offered = re.findall(r'<input type="checkbox" name="models" value="([^"]+)"', html)
    assert offered == ["simulated-embedding", "simulated-fast"]
    assert '<span class="tag" title="simulated">' in html
    assert answer.headers["location"] == f"/console/providers/{provider.public_id}"
    assert sorted(Deployment.objects.values_list("model", flat=True)) == [
        "simulated",
        "simulated-fast",
    ]


def test_models_without_a_choice_says_so(at_admin, organization):
    provider = make_provider(organization)

    answer = at_admin.post(f"/console/providers/{provider.public_id}/models")

    assert (answer.status, errors(answer)) == (422, ["Choose at least one."])


def test_models_that_cannot_be_asked_for_are_told_in_words(at_admin, organization, monkeypatch):
    def fail(*_: Any) -> None:
        raise Upstream("401: no such key")

    monkeypatch.setattr(connections, "_models_of", fail)
    provider = make_provider(organization)

    answer = at_admin.get(f"/console/providers/{provider.public_id}/models")

    html = page(answer)
    assert (answer.status, "It could not be asked" in html, "401: no such key" in html) == (
        502,
        True,
        True,
    )
    assert answer.headers["x-request-id"] in html


def test_models_escapes_what_a_provider_says(at_admin, organization, monkeypatch):
    evil = DiscoveredModel("<script>alert(1)</script>", 5)
    monkeypatch.setattr(connections, "_models_of", lambda *_: [evil])
    provider = make_provider(organization)

    answer = at_admin.get(f"/console/providers/{provider.public_id}/models")

    assert "<script>alert" not in answer.body.decode()
    assert "<script>alert(1)</script> · 5 tokens of context" in page(answer)


def test_delete_says_that_it_has_deployments(at_admin, organization):
    deployment = make_deployment(organization, name="large")

    at_admin.post(f"/console/providers/{deployment.provider.public_id}/delete")

    assert toasts(at_admin) == ["It has deployments: large."]


def test_delete_removes_it(at_admin, organization):
    provider = make_provider(organization)

    answer = at_admin.post(f"/console/providers/{provider.public_id}/delete")

    assert (answer.headers["location"], Provider.objects.count()) == ("/console/providers", 0)


def test_deployment_is_made_with_price_limits_and_patience(at_admin, organization):
    provider = make_provider(organization)
    sent = {
        "name": "large",
        "model": "large-1",
        "input_price": "2.5",
        "output_price": "10",
        "context_tokens": "128000",
        "capabilities": "chat",
        "rpm": "60",
        "parallel": "4",
        "first_token": "20",
        "is_enabled": "on",
    }

    answer = at_admin.post(f"/console/providers/{provider.public_id}/deployments/new", sent)

    made = Deployment.objects.get()
    assert answer.headers["location"] == f"/console/providers/{provider.public_id}"
    assert (made.input_price, made.output_price, made.cached_input_price) == (
        Decimal("2.5"),
        Decimal(10),
        None,
    )
    assert (made.requests_per_minute, made.tokens_per_minute, made.parallel) == (60, None, 4)
    assert (made.first_token_seconds, made.timeout_seconds) == (20.0, 600.0)
    assert (made.context_tokens, made.capabilities) == (128_000, ["chat"])


def test_deployment_of_a_known_model_takes_its_price_from_what_is_known(at_admin, organization):
    provider = _openai(organization)
    sent = {"name": "4o", "model": "gpt-4o", "is_enabled": "on"}

    at_admin.post(f"/console/providers/{provider.public_id}/deployments/new", sent)

    assert Deployment.objects.get().input_price > 0


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"model": ""}, "This field is required."),
        ({"input_price": "1000001"}, "Must be from 0 to 1000000"),
        ({"rpm": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"total": "4000"}, "Must be a number of seconds from 1 to 3600"),
    ],
)
def test_deployment_says_at_the_field_what_is_wrong(sent, said, at_admin, organization):
    provider = make_provider(organization)
    given = {"name": "large", "model": "large-1", **sent}

    answer = at_admin.post(f"/console/providers/{provider.public_id}/deployments/new", given)

    assert (answer.status, errors(answer)) == (422, [said])


def test_deployment_page_says_what_it_costs_and_who_uses_it(at_viewer, organization):
    deployment = make_deployment(
        organization, name="large", input_price=Decimal("0.15"), output_price=Decimal("0.6")
    )
    route = make_route(organization, name="support", targets=[(deployment, 3)])
    make_route(organization, name="elsewhere")

    html = page(at_viewer.get(f"/console/providers/deployments/{deployment.public_id}"))

    assert ("$0.15" in html, "$0.60" in html) == (True, True)
    uses = re.findall(r'href="(/console/routes/route_\w+)">(\w+)</a>', html)
    assert uses == [(f"/console/routes/{route.public_id}", "support")]
    assert "with weight 3" in html
    assert "Not called lately" in html


def test_deployment_edit_changes_and_lets_go_of_limits(at_admin, organization):
    deployment = make_deployment(
        organization, name="large", model="m", requests_per_minute=5, input_price=Decimal("1.25")
    )
    path = f"/console/providers/deployments/{deployment.public_id}"
    shown = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page(at_admin.get(f"{path}/edit"))))

    answer = at_admin.post(
        f"{path}/edit", {"name": "large", "model": "m", "input_price": "2", "revision": "1"}
    )

    deployment.refresh_from_db()
    assert (shown["rpm"], shown["input_price"], shown["total"]) == ("5", "1.25", "600.0")
    assert answer.headers["location"] == path
    assert (deployment.requests_per_minute, deployment.input_price) == (None, Decimal(2))
    assert (deployment.is_enabled, deployment.revision) == (False, 2)


def test_deployment_that_is_a_target_is_not_deleted(at_admin, organization):
    deployment = make_deployment(organization)
    make_route(organization, name="support", targets=[deployment])
    path = f"/console/providers/deployments/{deployment.public_id}"

    answer = at_admin.post(f"{path}/delete")

    assert (answer.headers["location"], toasts(at_admin)) == (path, ["It is a target of: support."])


def test_deployment_is_deleted(at_admin, organization):
    deployment = make_deployment(organization)
    path = f"/console/providers/deployments/{deployment.public_id}"

    answer = at_admin.post(f"{path}/delete")

    assert answer.headers["location"] == f"/console/providers/{deployment.provider.public_id}"
    assert title(at_admin.get(path)) == "There is nothing here"


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0.150000000", "$0.15"), ("10", "$10.00"), ("0.000001", "$0.000001"), ("100", "$100.00")],
)
def test_dollars_are_as_fine_as_written(amount, text):
    assert deployment_rows.dollars(Decimal(amount)) == text


def _openai(organization: Any, **values: Any) -> Provider:
    given = {
        "name": "openai",
        "kind": ProviderKind.OPENAI,
        "base_url": "https://api.openai.com/v1",
        "credential": SECRET,
        "credential_hint": "abcd",
    }
    return make_provider(organization, **{**given, **values})
