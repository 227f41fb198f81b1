"""Shorter ways through a schema that is built: a quarter of what executing one event costs.

Strawberry asks four functions for a plain attribute and compares an enum's members one by one. What a field or an enum
answers stays the same.
"""

from collections.abc import Callable
from typing import Any

import strawberry
from graphql import GraphQLField, GraphQLObjectType
from strawberry.schema.schema_converter import CustomGraphQLEnumType, GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from tasks.api.types.fields import Compute, DerivedField


def shorten(schema: strawberry.Schema) -> None:
    """Give every plain field and every enum of `schema` its shorter way."""
    for graphql_type in schema._schema.type_map.values():  # noqa: SLF001 - Strawberry has no public name for it
        if isinstance(graphql_type, CustomGraphQLEnumType):
            _shorten_enum(graphql_type)
        elif isinstance(graphql_type, GraphQLObjectType):
            for field in graphql_type.fields.values():
                _shorten_field(field)


def _shorten_field(field: GraphQLField) -> None:
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryField) or not definition.is_basic_field:
        return
    if isinstance(definition, DerivedField):
        field.resolve = _computed(definition.compute)
    elif type(definition) is StrawberryField:
        field.resolve = _attribute(definition.python_name)


def _computed(compute: Compute) -> Callable[..., Any]:
    return lambda source, _info: compute(source)


def _attribute(name: str) -> Callable[..., Any]:
    return lambda source, _info: getattr(source, name)


def _shorten_enum(enum: CustomGraphQLEnumType) -> None:
    names: dict[Any, str] = {value.value: name for name, value in enum.values.items()}
    # Members of a plain Enum differ from their values; those of a StrEnum or IntEnum are the same key.
    members: list[Any] = list(enum.wrapped_cls)
    names |= {member: names[member.value] for member in members}
    at_length: Callable[[Any], str] = enum.coerce_output_value

    def coerce_output_value(value: Any) -> str:
        try:
            return names[value]
        except (KeyError, TypeError):
            return at_length(value)

    enum.coerce_output_value = coerce_output_value  # type: ignore[assignment]
