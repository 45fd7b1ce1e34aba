"""Examples for the OpenAPI document."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

USER = {
    "id": "user_6a0f4f0c2b1d4e7f9a8b7c6d5e4f3a2b",
    "email": "ada@acme.example",
    "name": "Ada Lovelace",
}
ORGANIZATION = {
    "id": "org_0f8c1d2e3a4b4c6d8e8f9a0b1c2d3e4f",
    "slug": "acme",
    "name": "Acme",
}
MEMBER = {
    "id": "mem_1b2c3d4e5f604a7b8c9d0e1f2a3b4c5d",
    "user": USER,
    "role": "user",
    "approver": False,
    "created_at": "2026-01-15T10:30:00Z",
}
INVITATION = {
    "id": "inv_9c8b7a6f5e4d4c3b8a291807f6e5d4c3",
    "email": "grace@acme.example",
    "role": "user",
    "approver": False,
    "status": "pending",
    "invited_by": USER,
    "created_at": "2026-01-15T10:30:00Z",
    "expires_at": "2026-01-22T10:30:00Z",
    "url": "https://signalbox.example/console/invitation?token=…",
}
SERVICE_ACCOUNT = {
    "id": "svc_5e4d3c2b1a0f4e6d8c7b6a5f4e3d2c1b",
    "name": "nightly",
    "is_active": True,
    "created_by": USER,
    "created_at": "2026-01-15T10:30:00Z",
}
LOGIN = {
    "access": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.….…",
    "refresh": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.….…",
    "token_type": "Bearer",
    "expires_in": 3600,
    "user": USER,
    "organization": ORGANIZATION,
    "role": "admin",
}
ME = {
    "user": USER,
    "organization": ORGANIZATION,
    "role": "admin",
    "approver": False,
    "permissions": ["tenants.member.manage", "tenants.member.view"],
    "credential": {"kind": "jwt", "id": "ses_7f6e5d4c3b2a4190a8b7c6d5e4f3a2b1", "expires_at": None},
}


def answer(value: object) -> OpenApiExample:
    return OpenApiExample("answer", value=value, response_only=True)


def body(value: object) -> OpenApiExample:
    return OpenApiExample("body", value=value, request_only=True)
