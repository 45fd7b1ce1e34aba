"""The hot GET, the list and the login in DRF's own terms."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet
from rest_framework_simplejwt.tokens import RefreshToken

from bench.peers import work
from bench.peers.stock.models import ApiKey


class ApiKeySerializer(serializers.ModelSerializer):  # type: ignore[type-arg]  # as the tutorial writes it
    class Meta:
        model = ApiKey
        exclude = ("id",)


class ApiKeyViewSet(ModelViewSet):  # type: ignore[type-arg]  # as the tutorial writes it
    queryset = ApiKey.objects.all()
    serializer_class = ApiKeySerializer


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
