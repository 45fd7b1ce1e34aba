"""The REST doors that begin an answer, follow one, or stop one: coroutines, one hop for their rows.

What is begun belongs to the server: whoever hangs up comes back by `GET …/messages` with `Last-Event-ID`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpResponse, HttpResponseBase

from apps.conversations.domain.positions import Position, read_position
from apps.conversations.generations import hub
from apps.conversations.generations.running import Generation
from apps.conversations.generations.viewing import Viewer
from apps.conversations.models import Message
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import answers as queries
from apps.conversations.rest import bodies, replays, shapes
from apps.conversations.rest.messages import MessageViewSet, list_messages, present_message
from apps.conversations.rest.streams import stream_of
from apps.conversations.services import chats, messages
from apps.conversations.services.messages import Begun
from apps.core import json
from apps.core.actor import Actor
from apps.core.asgi.aside import surely
from apps.core.asgi.door import Door, door
from apps.core.asgi.pool import in_pool
from apps.core.asgi.presence import while_present
from apps.core.asgi.request import GateRequest
from apps.core.openapi.describe import describe

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE
SAYING = Door(CREATE, limit="chat")
"""Counted once, here: the model call that follows is not counted again."""
_retrieve = MessageViewSet.as_view({"get": "retrieve"})


@describe(POST=shapes.WRITE)
@door(GET=Door(VIEW), POST=SAYING)
async def conversation_messages(request: GateRequest, id: str) -> HttpResponseBase:  # noqa: A002 - the URL's word
    if request.method != "POST":
        if bodies.accepts_stream(request):
            return await _follow(request, id)
        return await in_pool(_rendered, list_messages, request, id=id)
    body = bodies.read(request, bodies.MessageBody, may_be_empty=False)
    is_stream = bodies.wants_stream(request, body)
    body.pop("stream", None)
    body["attachments"] = body.get("attachments") or ()
    return await _say(
        request,
        partial(messages.write_message, actor=_actor(request), conversation_id=id, **body),
        is_stream=is_stream,
    )


@describe(PATCH=shapes.EDIT)
@door(GET=Door(VIEW), PATCH=SAYING)
async def one_message(request: GateRequest, id: str, message_id: str) -> HttpResponseBase:  # noqa: A002
    if request.method != "PATCH":
        return await in_pool(_rendered, _retrieve, request, id=id, message_id=message_id)
    return await _again(request, messages.edit_message, bodies.EditBody, id, message_id)


@describe(POST=shapes.REGENERATE)
@door(POST=SAYING)
async def regenerate(request: GateRequest, id: str, message_id: str) -> HttpResponseBase:  # noqa: A002
    return await _again(request, messages.regenerate_message, bodies.AgainBody, id, message_id)


@describe(POST=shapes.CONTINUE)
@door(POST=SAYING)
async def go_on(request: GateRequest, id: str, message_id: str) -> HttpResponseBase:  # noqa: A002
    return await _again(request, messages.continue_message, bodies.StreamBody, id, message_id)


@describe(POST=shapes.STOP)
@door(POST=Door(CREATE))
async def stop(request: GateRequest, id: str, message_id: str) -> HttpResponse:  # noqa: A002
    """Idempotent: what has ended already is answered as it is."""
    actor = _actor(request)
    bodies.read(request, bodies.NoBody, may_be_empty=True)
    await hub.stop(actor, conversation_id=id, message_id=message_id)
    return _json(await in_pool(_shown, actor, message_id), 200)


@describe(POST=shapes.CHAT)
@door(POST=SAYING)
async def chat(request: GateRequest) -> HttpResponseBase:
    body = bodies.read(request, bodies.ChatBody, may_be_empty=False)
    is_stream = bodies.wants_stream(request, body)
    body.pop("stream", None)
    begin = partial(chats.say, actor=_actor(request), **body)
    return await _say(request, begin, is_stream=is_stream, names_conversation=True)


async def _again(
    request: GateRequest,
    deed: Callable[..., Begun],
    form: type[bodies.StreamBody],
    conversation_id: str,
    message_id: str,
) -> HttpResponseBase:
    body = bodies.read(request, form, may_be_empty=form is not bodies.EditBody)
    is_stream = bodies.wants_stream(request, body)
    body.pop("stream", None)
    begin = partial(
        deed,
        actor=_actor(request),
        conversation_id=conversation_id,
        message_id=message_id,
        **body,
    )
    return await _say(request, begin, is_stream=is_stream)


async def _say(
    request: GateRequest,
    begin: Callable[[], Begun],
    *,
    is_stream: bool,
    names_conversation: bool = False,
) -> HttpResponseBase:
    """Begin it once, and give the answer: as it comes, or when it is whole."""
    actor = _actor(request)
    said = await surely(_begin(request, actor, begin))
    if isinstance(said, Message):
        viewer, generation = await hub.attach(said), None
        conversation = said.conversation.public_id
    else:
        begun, generation = said
        viewer, conversation = Viewer(generation.transcript), begun.conversation.public_id
    if is_stream:
        response: HttpResponseBase = stream_of(request, viewer, {"conversationId": conversation})
    else:
        await _until_whole(request, viewer, generation)
        shown = await in_pool(_shown, actor, viewer.transcript.message)
        told = {"conversation_id": conversation, "message": shown} if names_conversation else shown
        response = _json(told, 201)
    if generation is None:
        response.headers["Idempotency-Replayed"] = "true"
    return response


async def _begin(
    request: GateRequest, actor: Actor, begin: Callable[[], Begun]
) -> tuple[Begun, Generation] | Message:
    """The message, where the caller's key has begun it before."""
    prepared = await in_pool(replays.once, request, begin)
    if isinstance(prepared, Message):
        return prepared
    begun, brief = prepared
    return begun, hub.start(actor, begun, brief=brief, is_counted=True)


async def _until_whole(request: GateRequest, viewer: Viewer, generation: Generation | None) -> None:
    """Raises what the call failed of, where there is nothing to show for it."""
    try:
        await while_present(request, viewer.transcript.ended())
    finally:
        viewer.close()
    if generation is not None and generation.error is not None and not viewer.transcript.content:
        await in_pool(replays.free, request)
        raise generation.error


async def _follow(request: GateRequest, conversation_id: str) -> HttpResponseBase:
    """The answer that `Last-Event-ID` names, else the last one; 204 when there is nothing more to tell of it.

    A browser's EventSource comes back after each end, and stays away only after a 204.
    """
    after = read_position(request.META.get("HTTP_LAST_EVENT_ID") or request.GET.get("after"))
    message = await in_pool(
        queries.answer_to_follow,
        actor=_actor(request),
        conversation_id=conversation_id,
        named=after.message if after is not None else None,
        is_over=after is not None and after.is_end,
    )
    if message is None:
        return HttpResponse(status=204)
    viewer = await hub.attach(message, _of(message, after))
    if viewer.is_over:
        viewer.close()
        return HttpResponse(status=204)
    return stream_of(request, viewer, {"conversationId": conversation_id})


def _of(message: Message, after: Position | None) -> Position | None:
    return after if after is not None and after.message == message.public_id else None


def _actor(request: GateRequest) -> Actor:
    assert request.actor is not None
    return request.actor


def _shown(actor: Actor, message_id: str) -> dict[str, Any]:
    return present_message(queries.answer_shown(actor=actor, message_id=message_id))


def _rendered(view: Callable[..., Any], request: GateRequest, **words: str) -> HttpResponse:
    response: HttpResponse = view(request, **words)
    if callable(getattr(response, "render", None)):
        response.render()  # type: ignore[attr-defined]  # just looked
    return response


def _json(value: Any, status: int) -> HttpResponse:
    return HttpResponse(json.dumps(value), status=status, content_type="application/json")
