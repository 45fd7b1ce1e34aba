"""REST: comparisons, and titles that models make."""

from __future__ import annotations

from typing import Any

from apps.conversations.models import Generation, Message
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.services import comparisons
from apps.core.tenancy import organization_scope
from apps.providers.models import Route
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.branches import make_conversation_of
from tests.factories.providers import make_route

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE


def give_routes(place: Place) -> None:
    with organization_scope(place.organization.pk):
        known = set(Route.objects.values_list("name", flat=True))
    for name in {"a", "b"} - known:
        make_route(place.organization, name=name)


class TestComparisons(RestDoor):
    calls = (
        Listing("GET", "/api/v1/comparisons", VIEW),
        Call(
            "POST",
            "/api/v1/comparisons",
            CREATE,
            body={"prompt": "Which?", "models": ["a", "b"], "system_prompt": "Be brief."},
            status=201,
            wrong={"models": [[], ["a"], ["a", "a"], ["a", 7]], "system_prompt": ["x" * 100_001]},
        ),
        Call("GET", "/api/v1/comparisons/{id}", VIEW),
        Call("POST", "/api/v1/comparisons/{id}/choose", CREATE, body={"model": "a"}),
    )

    def body_for(self, call: Call, place: Place) -> dict[str, Any] | None:
        give_routes(place)
        return call.body

    def make(self, place: Place) -> str:
        give_routes(place)
        made = comparisons.begin_comparison(actor=place.actor, prompt="Which?", models=["a", "b"])
        Message.objects.filter(status="generating").update(status="complete", content="answer")
        Generation.objects.all().delete()
        return str(made.comparison.public_id)


class TestTitles(RestDoor):
    calls = (Call("POST", "/api/v1/conversations/{id}/title", CREATE, body={"force": False}),)

    def make(self, place: Place) -> str:
        made = make_conversation_of(place.actor, "question", "answer", is_title_given=True)
        return str(made.public_id)
