"""What callers at once may not bring about: real threads, real transactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from apps.core.errors import AppError
from apps.core.tenancy import organization_scope
from apps.providers.models import Deployment, Prompt, PromptVersion, Provider, Route, RouteVersion
from apps.providers.services import deployments, prompts, providers, routes
from tests.factories.providers import make_deployment, make_prompt, make_route
from tests.factories.tenants import actor_of, make_admin, make_organization

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]


class Scene:
    """An organization's administrator, and their deeds from threads of their own."""

    def __init__(self) -> None:
        self.place = make_organization()
        self.actor = actor_of(make_admin(self.place))

    def at_once(self, *deeds: Callable[..., Any], **more: Any) -> list[Any]:
        """What each deed answered or how it was refused, all of them started together."""
        barrier = Barrier(len(deeds))
        results: list[Any] = [None] * len(deeds)

        def run(index: int, deed: Callable[..., Any]) -> None:
            barrier.wait()
            try:
                with organization_scope(self.place.pk):
                    results[index] = deed(actor=self.actor, **more)
            except AppError as error:
                results[index] = error.code
            finally:
                connection.close()

        threads = [Thread(target=run, args=pair) for pair in enumerate(deeds)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def here(self) -> Any:
        return organization_scope(self.place.pk)


def codes(results: list[Any]) -> Counter[str]:
    return Counter(result if isinstance(result, str) else "done" for result in results)


def test_of_changes_under_one_revision_one_is_made() -> None:
    scene = Scene()
    make_route(scene.place, name="chat")

    results = scene.at_once(
        *[
            lambda actor, number=number: routes.update_route(
                actor=actor, name="chat", expected_revision=1, retries=number
            )
            for number in range(4)
        ]
    )

    assert codes(results) == {"done": 1, "stale": 3}
    with scene.here():
        assert (Route.objects.get().revision, RouteVersion.objects.count()) == (2, 1)


def test_of_two_fallbacks_that_make_a_circle_one_is_made() -> None:
    scene = Scene()
    one = make_deployment(scene.place)
    make_route(scene.place, name="a", targets=[one])
    make_route(scene.place, name="b", targets=[one])

    results = scene.at_once(
        lambda actor: routes.update_route(actor=actor, name="a", fallbacks=["b"]),
        lambda actor: routes.update_route(actor=actor, name="b", fallbacks=["a"]),
    )

    assert codes(results) == {"done": 1, "validation_error": 1}


def test_a_route_that_is_removed_is_nobodys_fallback() -> None:
    scene = Scene()
    one = make_deployment(scene.place)
    make_route(scene.place, name="spare", targets=[one])
    make_route(scene.place, name="chat", targets=[one])

    results = scene.at_once(
        lambda actor: routes.remove_route(actor=actor, name="spare"),
        lambda actor: routes.update_route(actor=actor, name="chat", fallbacks=["spare"]),
    )

    with scene.here():
        names = {route.name: route.fallbacks for route in Route.objects.all()}
    assert (codes(results)["done"], names) in [
        (1, {"chat": []}),
        (1, {"chat": ["spare"], "spare": []}),
    ]


def test_a_deployment_that_is_removed_is_nobodys_target() -> None:
    scene = Scene()
    one, two = make_deployment(scene.place), make_deployment(scene.place)
    make_route(scene.place, name="chat", targets=[one])

    results = scene.at_once(
        lambda actor: deployments.remove_deployment(actor=actor, deployment_id=two.public_id),
        lambda actor: routes.update_route(
            actor=actor, name="chat", targets=[{"deployment": two.public_id}]
        ),
    )

    assert codes(results) in [{"done": 1, "not_found": 1}, {"done": 1, "in_use": 1}]


def test_a_provider_that_is_removed_gets_no_deployment() -> None:
    scene = Scene()
    provider = make_deployment(scene.place).provider
    with scene.here():
        Deployment.objects.all().delete()

    results = scene.at_once(
        lambda actor: providers.remove_provider(actor=actor, provider_id=provider.public_id),
        lambda actor: deployments.create_deployment(
            actor=actor, name="one", provider=provider.public_id, model="m"
        ),
    )

    with scene.here():
        left = (Provider.objects.count(), Deployment.objects.count())
    assert (codes(results)["done"], left) in [(1, (0, 0)), (1, (1, 1))]


def test_a_name_is_taken_once() -> None:
    scene = Scene()
    make = [lambda actor: providers.create_provider(actor=actor, name="main", kind="simulated")] * 4

    assert codes(scene.at_once(*make)) == {"done": 1, "name_taken": 3}


def test_versions_are_numbered_without_gap_or_repetition() -> None:
    scene = Scene()
    make_prompt(scene.place, name="tone")
    messages = [{"role": "user", "content": "x"}]
    add = [
        lambda actor: prompts.add_version(
            actor=actor, name="tone", messages=messages, labels=["staging"]
        )
    ] * 4

    results = scene.at_once(*add)

    assert codes(results) == {"done": 4}
    with scene.here():
        numbers = PromptVersion.objects.order_by("number").values_list("number", flat=True)
        assert list(numbers) == [1, 2, 3, 4, 5]
        assert Prompt.objects.get().revision == 5
