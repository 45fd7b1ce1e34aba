"""The hot GET, the list and the login in DRF's own terms."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.filters import OrderingFilter
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet
from rest_framework_simplejwt.tokens import RefreshToken

from bench.peers import work
from bench.peers.stock.models import ApiKey


class ApiKeySerializer(serializers.ModelSerializer):  # type: ignore[type-arg]  # as the tutorial writes it
    id = serializers.UUIDField(source="public_id")
    approver = serializers.BooleanField(source="is_approver")
    models = serializers.JSONField(source="model_names")
    owner = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()

    class Meta:
        model = ApiKey
        fields = (
            "id", "name", "prefix", "hint", "role", "approver", "owner", "state", "limits", "addresses", "models",
            "budget", "expires_at", "last_used_at", "revoked_at", "created_at", "revision",
        )  # fmt: skip

    def get_owner(self, key: ApiKey) -> dict[str, Any]:
        if key.user is not None:
            return {"id": key.user.pk, "name": key.user.first_name or key.user.email}
        return {"id": key.service_account.public_id, "name": key.service_account.name}

    def get_state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        return "expired" if key.expires_at and key.expires_at <= timezone.now() else "active"


class ApiKeyViewSet(ModelViewSet):  # type: ignore[type-arg]  # as the tutorial writes it
    queryset = ApiKey.objects.select_related("user", "service_account")
    serializer_class = ApiKeySerializer
    filter_backends = (DjangoFilterBackend, OrderingFilter)
    filterset_fields = ("role", "user")
    ordering_fields = ("name", "role", "created_at", "expires_at", "last_used_at")

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(organization_id=self.request.user.organization_id)


class MeView(APIView):
    def get(self, request: Any) -> Response:
        return Response(work.profile(request.user.caller))


class LoginSerializer(serializers.Serializer):  # type: ignore[type-arg]  # as the tutorial writes it
    email = serializers.EmailField()
    password = serializers.CharField()


class LoginView(APIView):
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def post(self, request: Any) -> Response:
        asked = LoginSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user = authenticate(
            request,
            username=asked.validated_data["email"],
            password=asked.validated_data["password"],
        )
        if user is None:
            raise AuthenticationFailed
        refresh = RefreshToken.for_user(user)
        return Response({"access": str(refresh.access_token), "refresh": str(refresh)})
