"""Uploads in GraphQL: what is known of them. Their bytes go by REST."""

from __future__ import annotations

from typing import Any

import graphene

from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import uploads as queries
from apps.conversations.services import uploads
from apps.core.actor import Actor
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import DateTime, HouseType, public_id
from apps.core.models import StoredFile


class UploadType(HouseType):
    """A file to attach to messages, or attached to one."""

    class Meta:
        name = "Upload"

    id = public_id()
    name = graphene.String(required=True)
    size = graphene.Int(required=True)
    content_type = graphene.String(required=True, description="What its bytes are.")
    created_at = DateTime(required=True)
    expires_at = DateTime(description="When it goes unless it is attached.")
    conversation_id = graphene.ID(description="The conversation it is attached in.")

    @staticmethod
    def resolve_conversation_id(file: StoredFile, info: Any) -> str | None:
        return file.subject if queries.is_attached(file) else None


class Query(graphene.ObjectType):
    upload = HouseField(
        UploadType,
        required=True,
        permission=ConversationsPermission.VIEW,
        id=graphene.ID(required=True),
    )

    @staticmethod
    def resolve_upload(root: Any, info: Any, *, id: str) -> StoredFile:  # noqa: A002 - the schema's word
        return queries.upload_of(actor=actor_of(info), file_id=id)


class DeleteUpload(HouseMutation):
    """Remove a file that is not attached."""

    class Meta:
        permission = ConversationsPermission.UPLOAD

    class Arguments:
        id = graphene.ID(required=True)

    id = graphene.ID(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> DeleteUpload:
        uploads.remove_upload(actor=actor, file_id=arguments["id"])
        return cls(id=arguments["id"])


class Mutation(graphene.ObjectType):
    delete_upload = DeleteUpload.Field()
