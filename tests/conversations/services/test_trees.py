"""Whatever people do in whatever order, the tree stays one: told against a model kept beside it."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as some
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from apps.conversations.enums import MessageRole, MessageStatus
from apps.conversations.errors import BranchBusy, NotContinuable
from apps.conversations.models import Conversation, Generation, Message
from apps.conversations.queries import messages as queries
from apps.conversations.services import messages
from apps.core.tenancy import _current
from tests.factories.conversations import make_conversation
from tests.factories.providers import make_route
from tests.factories.tenants import actor_of, make_member

ANY = some.integers(min_value=0, max_value=10**6)


class Talking(RuleBasedStateMachine):
    """`said` is what the rows must be: by primary key, parent and role, in the order written."""

    def __init__(self) -> None:
        super().__init__()
        member = make_member()
        make_route(member.organization, name="chat")
        self.token = _current.set(member.organization_id)
        self.actor = actor_of(member)
        self.row = make_conversation(self.actor)
        self.said: dict[int, tuple[int | None, str]] = {}
        self.head: int | None = None

    def teardown(self) -> None:
        _current.reset(self.token)

    @property
    def place(self) -> dict[str, Any]:
        return {"actor": self.actor, "conversation_id": self.row.public_id}

    def pick(self, choice: int, role: str | None = None) -> Message:
        pks = [pk for pk, (_, of) in self.said.items() if role in (None, of)]
        return Message.objects.get(pk=pks[choice % len(pks)])

    def begun(self, deed: Any, **asked: Any) -> None:
        busy = Generation.objects.exists()
        try:
            begun = deed(**self.place, **asked)
        except BranchBusy:
            assert busy
            return
        for message in (begun.asked, begun.message):
            self.said.setdefault(message.pk, (message.parent_id, str(message.role)))
        self.head = begun.message.pk

    @rule()
    def write(self) -> None:
        self.begun(messages.write_message, content="Hello")

    @precondition(lambda self: self.said)
    @rule(choice=ANY)
    def write_under(self, choice: int) -> None:
        parent = self.pick(choice)
        self.begun(messages.write_message, content="Hello", parent_id=parent.public_id)

    @precondition(lambda self: self.said)
    @rule(choice=ANY)
    def edit(self, choice: int) -> None:
        old = self.pick(choice, MessageRole.USER)
        self.begun(messages.edit_message, content="Rather", message_id=old.public_id)

    @precondition(lambda self: self.said)
    @rule(choice=ANY)
    def regenerate(self, choice: int) -> None:
        old = self.pick(choice)
        self.begun(messages.regenerate_message, message_id=old.public_id)

    @precondition(lambda self: self.said)
    @rule(choice=ANY)
    def go_on(self, choice: int) -> None:
        old = self.pick(choice)
        try:
            self.begun(messages.continue_message, message_id=old.public_id)
        except NotContinuable:
            has_more = old.pk in [parent for parent, _ in self.said.values()]
            assert has_more or old.status != MessageStatus.STOPPED or not old.content

    @precondition(lambda self: self.said)
    @rule(choice=ANY)
    def select(self, choice: int) -> None:
        chosen = self.pick(choice)
        messages.select_message(**self.place, message_id=chosen.public_id)
        self.head = max(pk for pk in self.said if chosen.pk in self.path(pk))

    @rule(choice=ANY, status=some.sampled_from([MessageStatus.COMPLETE, MessageStatus.STOPPED]))
    def end(self, choice: int, status: str) -> None:
        """As the engine does for one of the answers under way."""
        running = list(Generation.objects.order_by("pk"))
        if running:
            ended = running[choice % len(running)]
            Message.objects.filter(pk=ended.message_id).update(content="Text", status=status)
            ended.delete()

    def path(self, pk: int | None) -> list[int]:
        found: list[int] = []
        while pk is not None:
            found.append(pk)
            pk = self.said[pk][0]
        return found[::-1]

    @invariant()
    def rows_are_what_was_said(self) -> None:
        rows = Message.objects.order_by("pk").values_list("pk", "parent_id", "role")
        self.row = Conversation.objects.get()
        assert {pk: (parent, role) for pk, parent, role in rows} == self.said
        assert (self.row.head_id, self.row.message_count) == (self.head, len(self.said))

    @invariant()
    def head_is_a_leaf(self) -> None:
        assert self.head is None or self.head not in [parent for parent, _ in self.said.values()]

    @invariant()
    def branch_is_the_path_to_the_head(self) -> None:
        place = {"actor": self.actor, "conversation_id": self.row.public_id}
        views = queries.branch_page(**place, limit=200).rows

        assert [view.message.pk for view in views] == self.path(self.head)
        for view in views:
            siblings = [
                pk for pk, (parent, _) in self.said.items() if parent == view.message.parent_id
            ]
            assert view.siblings.count == len(siblings)
            assert siblings[view.siblings.position - 1] == view.message.pk
            assert view.message.public_id in view.siblings.ids

    @invariant()
    def no_branch_is_written_twice(self) -> None:
        """Of two answers under way neither stands on the other's branch, nor beside it."""
        alive = [row.message for row in Generation.objects.select_related("message")]
        assert len({message.parent_id for message in alive}) == len(alive)
        for message in alive:
            above = set(self.path(message.pk)) - {message.pk}
            assert not above.intersection(other.pk for other in alive)


class TestTalking(TestCase, Talking.TestCase):
    settings = settings(
        max_examples=12,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        # A failure is told as it was found: over a database, making it smaller takes minutes.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
