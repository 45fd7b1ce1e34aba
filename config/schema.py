"""The one GraphQL schema: each app's fields, combined."""

from __future__ import annotations

import graphene

from apps.core.graphql import root
from apps.events import graphql as events


class Query(root.Query, events.Query):
    pass


class Subscription(events.Subscription):
    pass


schema = graphene.Schema(query=Query, subscription=Subscription)
