"""A conversation with the fake's models, as the engine's tests hold it: within one loop, or by the doors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from apps.conversations.domain.positions import Position
from apps.conversations.generations import hub
from apps.conversations.generations.running import Generation
from apps.conversations.generations.viewing import Told, Viewer
from apps.conversations.models import Conversation, Message
from apps.conversations.services import messages
from apps.conversations.services.messages import Begun
from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.http_client.client import close_session
from apps.core.tenancy import enter_organization, organization_scope
from tests.factories.branches import make_conversation_of
from tests.factories.doors import drive
from tests.providers.gateway.house import House

T = TypeVar("T")
WAIT = 10.0


class Talk:
    def __init__(self, house: House) -> None:
        self.house = house
        self.llm = house.llm
        identity = house.place.tokens.identities[house.place.key]
        self.actor = Actor(identity, "req_test", "127.0.0.1")
        self.conversation: Conversation = make_conversation_of(self.actor, model="m")

    @property
    def key(self) -> str:
        return self.house.place.key

    def path(self, *rest: str) -> str:
        return "/".join((f"/api/v1/conversations/{self.conversation.public_id}", *rest))

    def begin(self, content: str = "Hello", **more: Any) -> Begun:
        """The rows of a question and its answer; whoever calls is in a thread."""
        with organization_scope(self.actor.organization_id):
            return messages.write_message(
                actor=self.actor,
                conversation_id=self.conversation.public_id,
                content=content,
                **more,
            )

    def message(self, begun: Begun | Generation) -> Message:
        """As its row is now."""
        pk = begun.message_pk if isinstance(begun, Generation) else begun.message.pk
        with organization_scope(self.actor.organization_id):
            return Message.objects.get(pk=pk)

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """On a loop of its own, hops to the ORM within this test's transaction."""

        async def run() -> T:
            enter_organization(self.actor.organization_id)  # as the gate does
            try:
                async with asyncio.timeout(30):
                    return await work()
            finally:
                await close_session()

        return drive(run())

    async def start(self, content: str = "Hello", **more: Any) -> Generation:
        begun = await in_pool(self.begin, content, **more)
        return hub.start(self.actor, begun)

    async def look(self, generation: Generation, after: Position | None = None) -> Viewer:
        return await hub.attach(await in_pool(self.message, generation), after)

    async def go_on(self, message: Message) -> Generation:
        def begin() -> Begun:
            with organization_scope(self.actor.organization_id):
                return messages.continue_message(
                    actor=self.actor,
                    conversation_id=self.conversation.public_id,
                    message_id=message.public_id,
                )

        return hub.start(self.actor, await in_pool(begin))

    def answer(self, content: str = "Hello", **more: Any) -> Message:
        """Ask and wait for the end."""

        async def work() -> Generation:
            generation = await self.start(content, **more)
            await generation.transcript.ended()
            return generation

        return self.message(self.run(work))


async def told(viewer: Viewer) -> list[Told]:
    """All it tells from now on."""
    found = []
    while (event := await viewer.next(WAIT)) is not None:
        found.append(event)
    assert viewer.is_over
    return found


def text(events: list[Told]) -> str:
    return "".join(event.data["content"] for event in events if event.name == "token")


def names(events: list[Told]) -> list[str]:
    """Of the events, those of one name one after the other told once."""
    found: list[str] = []
    for event in events:
        if not found or found[-1] != event.name:
            found.append(event.name)
    return found
