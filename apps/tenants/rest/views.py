"""Who one is: login and its tokens, the password, and `/auth/me`, a hot door."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.core import json as strict_json
from apps.core.asgi.door import Door, door
from apps.core.openapi.describe import Operation, describe
from apps.core.rest.viewsets import HouseViewSet
from apps.tenants.domain.visit import Visit
from apps.tenants.queries import whoami
from apps.tenants.rest import bodies, examples, serializers, shapes
from apps.tenants.rest.documented import refused
from apps.tenants.rest.flood import refuse_flood
from apps.tenants.services import passwords, sessions

SMALL_BODY = 16 * 1024


def visit_of(request: Any) -> Visit:
    """Where a call comes from, by the gate's word and not by a free header."""
    gate_request = request._request
    return Visit(
        address=gate_request.address,
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
        request_id=gate_request.request_id,
    )


class SessionViewSet(HouseViewSet):
    doors: ClassVar = {
        "login": Door(public="this is where a credential is got", body_limit=SMALL_BODY),
        "refresh": Door(public="the refresh token is the credential", body_limit=SMALL_BODY),
        "logout": Door(signed_in="anyone may leave", replays=False, body_limit=SMALL_BODY),
        "switch": Door(
            signed_in="only one's own organisations open", replays=False, body_limit=SMALL_BODY
        ),
    }

    @extend_schema(
        summary="Log in",
        description="At most 5 attempts a minute for an account and address together. After several wrong passwords "
        "for an account every answer about it takes up to two seconds longer; no account is ever locked.",
        request=bodies.LoginBody,
        responses={200: serializers.LoginSerializer, **refused(401, 403)},
        examples=[
            examples.body({"email": "ada@acme.example", "password": "…", "organization": "acme"}),
            examples.answer(examples.LOGIN),
        ],
    )
    def login(self, request: Any) -> Response:
        visit = visit_of(request)
        refuse_flood(visit, request)
        logged_in = sessions.log_in(**self.read(bodies.LoginBody), visit=visit)
        response = self.present(logged_in, serializers.LoginSerializer)
        response.answer_after = logged_in.pause  # type: ignore[attr-defined]  # read by the gate
        return response

    @extend_schema(
        summary="Renew the tokens",
        description="The refresh token sent is dead afterwards. Sent once more, it ends the login.",
        request=bodies.RefreshBody,
        responses={200: serializers.LoginSerializer, **refused(401, 403)},
        examples=[examples.answer(examples.LOGIN)],
    )
    def refresh(self, request: Any) -> Response:
        token = self.read(bodies.RefreshBody)["refresh"]
        renewed = sessions.refresh(refresh_token=token, visit=visit_of(request))
        return self.present(renewed, serializers.LoginSerializer)

    @extend_schema(summary="Log out", request=bodies.LogoutBody, responses={204: None})
    def logout(self, request: Any) -> Response:
        token = self.read(bodies.LogoutBody).get("refresh")
        sessions.log_out(actor=self.actor, refresh_token=token)
        return self.nothing()

    @extend_schema(
        summary="Switch to another organisation",
        description="Ends this login and answers the tokens of a new one.",
        request=bodies.SwitchBody,
        responses=serializers.LoginSerializer,
        examples=[examples.body({"organization": "acme"}), examples.answer(examples.LOGIN)],
    )
    def switch(self, request: Any) -> Response:
        switched = sessions.switch_organization(
            actor=self.actor, **self.read(bodies.SwitchBody), visit=visit_of(request)
        )
        return self.present(switched, serializers.LoginSerializer)


class PasswordViewSet(HouseViewSet):
    doors: ClassVar = {
        "change": Door(signed_in="one's own password", replays=False, body_limit=SMALL_BODY),
    }

    @extend_schema(
        summary="Change one's password",
        description="Ends every login of the person, this one included.",
        request=bodies.PasswordBody,
        responses={204: None},
        examples=[examples.body({"current_password": "…", "new_password": "…"})],
    )
    def change(self, request: Any) -> Response:
        visit = visit_of(request)
        refuse_flood(visit, request)
        passwords.change_password(actor=self.actor, **self.read(bodies.PasswordBody), visit=visit)
        return self.nothing()


@describe(GET=Operation("Who am I?", shapes.ME, tag="auth"))
@door(GET=Door(signed_in="everyone may know who they are"))
async def me(request: Any) -> HttpResponse:
    body = strict_json.dumps(whoami.describe(request.actor.identity))
    return HttpResponse(body, content_type="application/json")
