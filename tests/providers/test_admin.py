"""The operator's pages of providers, deployments, routes and prompts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from apps.core.tenancy import unscoped
from apps.events.models import AuditEntry
from apps.providers.models import Deployment, Prompt, Provider, Route
from apps.tenants.models import Organization
from tests.factories.providers import make_deployment, make_prompt, make_provider, make_route
from tests.factories.tenants import make_admin, make_organization, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.integration]
SECRET = "sk-proj-0123456789abcdef0123456789"
LISTS = {
    name: f"/admin/providers/{name}/" for name in ("provider", "deployment", "route", "prompt")
}


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user(email="operator@example.com", is_staff=True))
    return client


@pytest.fixture
def here() -> Organization:
    return make_organization(slug="here")


@pytest.fixture
def there() -> Organization:
    return make_organization(slug="there")


def names_on(page: Any) -> list[str]:
    return re.findall(r'class="field-name"><a [^>]*>([^<]+)<', page.content.decode())


def told(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def every(model: Any) -> list[Any]:
    with unscoped(reason="a test looks at every organisation"):
        return list(model.objects.order_by("pk"))


def actions() -> list[str]:
    return [entry.action for entry in every(AuditEntry)]


def form(organization: Organization, **values: Any) -> dict[str, Any]:
    given = {
        "organization": organization.pk,
        "name": "main",
        "kind": "openai",
        "base_url": "",
        "api_key": SECRET,
        "options": "{}",
        "is_enabled": "on",
    }
    return {**given, **values}


def test_lists_show_every_organization_and_no_credential(
    staff: Client, here: Organization, there: Organization
) -> None:
    for place in (here, there):
        provider = make_provider(place, name=f"p-{place.slug}", kind="openai", credential=SECRET)
        deployment = make_deployment(place, name=f"d-{place.slug}", provider=provider)
        make_route(place, name=f"r-{place.slug}", targets=[deployment])
        make_prompt(place, name=f"t-{place.slug}", labels={"production": 1})

    for (kind, at), letter in zip(LISTS.items(), "pdrt", strict=True):
        page = staff.get(at)
        assert (kind, page.status_code) == (kind, 200)
        assert sorted(names_on(page)) == [f"{letter}-here", f"{letter}-there"]
        assert SECRET not in page.content.decode()


def test_pages_show_one_without_its_credential(staff: Client, here: Organization) -> None:
    provider = make_provider(here, kind="openai", credential=SECRET, credential_hint="6789")
    deployment = make_deployment(here, name="one", provider=provider)
    route = make_route(here, targets=[(deployment, 3.0)])
    prompt = make_prompt(here, labels={"production": 1})
    rows = {"provider": provider, "deployment": deployment, "route": route, "prompt": prompt}

    pages = {
        kind: staff.get(f"{LISTS[kind]}{row.pk}/change/").content.decode()
        for kind, row in rows.items()
    }

    assert [kind for kind, text in pages.items() if SECRET in text] == []
    assert "6789" in pages["provider"]
    assert "one: 3 (0)" in pages["route"]
    assert "production: 1" in pages["prompt"]


def test_a_provider_is_made_by_the_service(staff: Client, here: Organization) -> None:
    answer = staff.post(f"{LISTS['provider']}add/", form(here))

    (provider,) = every(Provider)
    assert (answer.status_code, provider.organization_id) == (302, here.pk)
    assert (provider.credential, provider.base_url) == (SECRET, "https://api.openai.com/v1")
    assert actions() == ["providers.provider.created"]


def test_a_refusal_of_the_service_is_told(staff: Client, here: Organization) -> None:
    answer = staff.post(f"{LISTS['provider']}add/", form(here, base_url="http://127.0.0.1/"))

    assert told(answer) == [
        "base_url: leads to an address that is not public; the operator may allow it by host and port"
    ]
    assert every(Provider) == []


def test_a_credential_left_empty_stays(staff: Client, here: Organization) -> None:
    url = "https://models.example.com"
    provider = make_provider(
        here, name="main", kind="openai", credential=SECRET, base_url=f"{url}/v1"
    )
    at = f"{LISTS['provider']}{provider.pk}/change/"

    staff.post(at, form(here, name="renamed", base_url=f"{url}/v2", api_key=""))
    (renamed,) = every(Provider)
    staff.post(at, form(here, name="renamed", base_url="https://other.example.com", api_key=""))
    (moved,) = every(Provider)

    assert (renamed.name, renamed.base_url, renamed.credential) == ("renamed", f"{url}/v2", SECRET)
    assert (moved.base_url, moved.credential) == ("https://other.example.com", "")
    assert actions() == ["providers.provider.changed"] * 2


def test_a_connection_is_tried(staff: Client, here: Organization) -> None:
    provider = make_provider(here)

    answer = staff.post(LISTS["provider"], {"action": "test", "_selected_action": [provider.pk]})

    assert told(answer) == ["Done: 1"]
    assert every(Provider)[0].checked_at is not None


def test_a_deployment_is_changed(staff: Client, here: Organization) -> None:
    deployment = make_deployment(here, name="one", requests_per_minute=5)
    values = {
        "name": "two",
        "model": "m",
        "input_price": "2.5",
        "output_price": "10",
        "cached_input_price": "",
        "requests_per_minute": "",
        "tokens_per_minute": "1000",
        "parallel": "",
        "is_enabled": "on",
    }

    answer = staff.post(f"{LISTS['deployment']}{deployment.pk}/change/", values)

    (changed,) = every(Deployment)
    assert answer.status_code == 302
    assert (changed.name, str(changed.input_price.normalize()), changed.cached_input_price) == (
        "two",
        "2.5",
        None,
    )
    assert (changed.requests_per_minute, changed.tokens_per_minute) == (None, 1000)
    assert actions() == ["providers.deployment.changed"]


def test_routes_are_disabled_and_enabled(
    staff: Client, here: Organization, there: Organization
) -> None:
    routes = [make_route(here), make_route(there)]
    chosen = [route.pk for route in routes]

    disabled = staff.post(LISTS["route"], {"action": "disable", "_selected_action": chosen})
    after = [route.is_enabled for route in every(Route)]
    staff.post(LISTS["route"], {"action": "enable", "_selected_action": chosen[:1]})

    assert (told(disabled), after) == (["Done: 2"], [False, False])
    assert [route.is_enabled for route in every(Route)] == [True, False]
    assert actions() == ["providers.route.changed"] * 3


def test_rows_are_removed_by_services(staff: Client, here: Organization) -> None:
    deployment = make_deployment(here, name="one")
    make_route(here, name="spare", targets=[deployment])
    make_route(here, name="chat", targets=[deployment], fallbacks=["spare"])
    prompt = make_prompt(here)
    spare, chat = every(Route)

    refused = staff.post(f"{LISTS['route']}{spare.pk}/delete/", {"post": "yes"})
    for kind, row in (("route", chat), ("route", spare), ("prompt", prompt)):
        staff.post(f"{LISTS[kind]}{row.pk}/delete/", {"post": "yes"})
    staff.post(f"{LISTS['deployment']}{deployment.pk}/delete/", {"post": "yes"})
    staff.post(f"{LISTS['provider']}{deployment.provider_id}/delete/", {"post": "yes"})

    assert told(refused) == ["It is a fallback of: chat."]
    assert [every(model) for model in (Route, Prompt, Deployment, Provider)] == [[], [], [], []]
    assert actions() == [
        "providers.route.removed",
        "providers.route.removed",
        "providers.prompt.removed",
        "providers.deployment.removed",
        "providers.provider.removed",
    ]


def test_only_staff_comes_in(here: Organization) -> None:
    client = Client()
    client.force_login(make_admin(here).user)

    assert {client.get(at).status_code for at in LISTS.values()} == {302}
