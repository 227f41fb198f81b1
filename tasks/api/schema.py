"""The schema: `manage.py export_schema tasks.api.schema` writes it to `schema.graphql`."""

from typing import cast

import strawberry
from graphql import GraphQLInputObjectType
from strawberry.schema.config import StrawberryConfig

from tasks.api.mutations import Mutation
from tasks.api.queries import Query
from tasks.api.shortcuts import shorten
from tasks.api.subscriptions import Subscription
from tasks.api.types.events import EVENT_TYPES
from tasks.api.types.generated import TASK_TYPES
from tasks.api.types.scalars import SCALARS
from tasks.api.types.tasks import UnknownTask


def build_schema() -> strawberry.Schema:
    """Build the schema from the task types that are registered now."""
    built = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        # Every scalar is there, whether a task type of today uses it or not: clients generate code for them once.
        types=[*TASK_TYPES, UnknownTask, *EVENT_TYPES, *SCALARS],  # type: ignore[list-item]
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    # Strawberry keeps @oneOf to itself; told of it, graphql-core refuses a wrong choice in its own words.
    chosen = built._schema.type_map["TaskInput"]  # noqa: SLF001 - Strawberry has no public name for it
    cast("GraphQLInputObjectType", chosen).is_one_of = True
    shorten(built)
    return built


schema = build_schema()
