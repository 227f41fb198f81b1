"""Strawberry types from shapes: what a task type's arguments and result look like in the schema."""

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.enum import EnumValue, StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

from tasks.api.types.scalars import BigInt
from tasks.registry.shapes import (
    NO_DEFAULT,
    EnumShape,
    FieldShape,
    ListShape,
    ObjectShape,
    OptionalShape,
    ScalarShape,
    Shape,
    walk,
)

_SCALARS: dict[str, Any] = {
    "String": str,
    "Int": int,
    "Float": float,
    "Boolean": bool,
    "BigInt": BigInt,
    "Decimal": Decimal,
    "DateTime": datetime,
    "Date": date,
    "Time": time,
    "UUID": UUID,
    "JSON": JSON,
}
NO_ARGUMENTS = "Takes no arguments: send {}."


class ShapeTypes:
    """The types made so far for one schema, by their names, which the registry keeps distinct."""

    def __init__(self) -> None:
        self._objects: dict[str, Any] = {}
        self._inputs: dict[str, Any] = {}
        self._enums: dict[str, StrawberryEnumDefinition] = {}

    def object_type(self, shape: ObjectShape) -> Any:
        """Return the object type. Its sources are the author's own values, or whatever has the same attributes."""
        name = shape.graphql_name
        if name not in self._objects:
            fields = {field.python_name: (self.annotation(field.shape), _field(field)) for field in shape.fields}
            self._objects[name] = strawberry.type(_class(name, fields), name=name, description=shape.description)
        return self._objects[name]

    def input_type(self, shape: ObjectShape) -> Any:
        """Return the input type. It is never instantiated: arguments stay as GraphQL coerced them.

        GraphQL knows no input without fields, so one stands in that nobody needs to send.
        """
        name = shape.input_name
        if name not in self._inputs:
            fields = {field.python_name: self._input_field(field) for field in shape.fields}
            made = _class(name, fields or _STAND_IN)
            self._inputs[name] = strawberry.input(made, name=name, description=shape.description)
        return self._inputs[name]

    def annotation(self, shape: Shape) -> Any:
        """Return what stands for a shape in the annotation of a field."""
        return self._annotation(shape, self.object_type)

    def _annotation(self, shape: Shape, of_object: Callable[[ObjectShape], Any]) -> Any:
        match shape:
            case ScalarShape(name=name):
                return _SCALARS[name]
            case EnumShape():
                return self._enum(shape)
            case ListShape(of=of):
                return StrawberryList(self._annotation(of, of_object))
            case OptionalShape(of=of):
                return StrawberryOptional(self._annotation(of, of_object))
            case ObjectShape():
                return of_object(shape)

    def _input_field(self, field: FieldShape) -> tuple[Any, StrawberryField]:
        kind = self._annotation(field.shape, self.input_type)
        if field.default is NO_DEFAULT:
            return kind, _field(field)
        if _is_published(field):
            value = _input_value(field.shape, field.default)
            return kind, _field(field, default_factory=lambda: value)
        # It may be left out, though the schema can't say what stands in for it.
        optional = kind if isinstance(kind, StrawberryOptional) else StrawberryOptional(kind)
        return optional, _field(field, default=strawberry.UNSET)

    def _enum(self, shape: EnumShape) -> StrawberryEnumDefinition:
        # By hand: strawberry.enum() marks the class itself, which two task types may share under different names.
        if shape.graphql_name not in self._enums:
            python_class: Any = shape.python_class or StrEnum(
                shape.graphql_name, {member.graphql_name: member.python_value for member in shape.members}
            )
            values = [
                EnumValue(
                    member.graphql_name,
                    getattr(member.python_value, "value", member.python_value),
                    description=member.description,
                )
                for member in shape.members
            ]
            self._enums[shape.graphql_name] = StrawberryEnumDefinition(
                python_class, shape.graphql_name, values, shape.description
            )
        return self._enums[shape.graphql_name]


def _field(field: FieldShape, **options: Any) -> StrawberryField:
    made: StrawberryField = strawberry.field(name=field.graphql_name, description=field.description, **options)
    return made


_STAND_IN: dict[str, tuple[Any, StrawberryField]] = {
    "nothing": (
        StrawberryOptional(bool),
        strawberry.field(name="_", description=NO_ARGUMENTS, default=strawberry.UNSET),
    )
}


def _is_published(field: FieldShape) -> bool:
    """Tell whether the schema says what the default is: not for null, and not for JSON, which has no literals."""
    holds_json = any(isinstance(part, ScalarShape) and part.name == "JSON" for part in walk(field.shape))
    return field.default is not None and not holds_json


def _input_value(shape: Shape, value: Any) -> Any:
    """Return a default as GraphQL holds it: objects as dicts under GraphQL names."""
    match shape:
        case OptionalShape(of=of):
            return None if value is None else _input_value(of, value)
        case ListShape(of=of):
            return [_input_value(of, element) for element in value]
        case ObjectShape(fields=fields):
            return {
                field.graphql_name: _input_value(field.shape, getattr(value, field.python_name)) for field in fields
            }
        case _:
            return value


def _class(name: str, fields: dict[str, tuple[Any, StrawberryField]]) -> type:
    namespace: dict[str, Any] = {attribute: field for attribute, (_, field) in fields.items()}
    annotations = {attribute: kind for attribute, (kind, _) in fields.items()}
    return type(name, (), namespace | {"__annotations__": annotations, "__module__": __name__})
