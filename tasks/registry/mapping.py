"""From Python annotations to shapes. What has no counterpart in GraphQL is refused with what would do instead."""

import types
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, Flag
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from tasks.registry.advice import named, unmapped
from tasks.registry.classes import ClassField, fields_of_class, is_mappable_class
from tasks.registry.constraints import Unmappable, check_constraints, in_words, read_metadata
from tasks.registry.docs import docs_of_class
from tasks.registry.names import camel_case, fault_of_enum_value, fault_of_field_name, is_type_name, pascal_case
from tasks.registry.scalars import SCALAR_OF_TYPE
from tasks.registry.shapes import (
    EnumMember,
    EnumShape,
    FieldShape,
    ListShape,
    ObjectShape,
    OptionalShape,
    ScalarShape,
    Shape,
)


class Mapper:
    """Turns the annotations of one task type into shapes, and claims the GraphQL names that they need."""

    def __init__(self, type_prefix: str) -> None:
        self.prefix = type_prefix
        """`ExportUsers`: what every name of the task type begins with."""
        self._objects: dict[type, ObjectShape] = {}
        self._open: list[type] = []
        self._is_input = True
        self.claimed: dict[str, str] = {
            f"{type_prefix}{suffix}": "the task type itself" for suffix in ("Input", "Arguments", "Result", "Task")
        }
        """Each GraphQL name of the task type, with what needs it."""

    def shape(self, annotation: Any, *, owner: str, name: str) -> Shape:
        """Map one annotation; `owner` and `name` name the enum of a Literal. Raises Unmappable."""
        annotation, metadata = _unwrapped(annotation)
        added = read_metadata(metadata)
        shape = self._bare(annotation, owner=owner, name=name, is_big_int=added.is_big_int)
        return _constrained(shape, added.constraints) if added.constraints else shape

    def field(self, field: ClassField, *, owner: str) -> FieldShape:
        """Map a parameter or an attribute. Raises Unmappable."""
        if isinstance(field.default, FieldInfo):
            found = f"the default {field.default!r}"
            raise Unmappable(found, "Put Field(...) into Annotated[..., Field(...)] and the default behind it")
        if fault := fault_of_field_name(field.name):
            raise Unmappable(f"the name {field.name!r}", fault[:1].upper() + fault[1:])
        if field.varying_default and self._is_input:
            advice = "Make it Optional with None as its default, and fill it in the handler"
            raise Unmappable(f"a default made by {field.varying_default}, which no schema can show", advice)
        shape = self.shape(field.annotation, owner=owner, name=field.name)
        description = read_metadata(_unwrapped(field.annotation)[1]).description or field.description
        told = " ".join(filter(None, (description, in_words(shape)))) or None
        return FieldShape(field.name, camel_case(field.name), shape, field.default, told)

    def result(self, annotation: Any) -> tuple[Shape, bool]:
        """Map what a handler returns, after all parameters, and tell whether only a wrapper makes it an object."""
        self._is_input = False
        name = f"{self.prefix}Result"
        python_class, metadata = _unwrapped(annotation)
        if is_mappable_class(python_class) and not metadata:
            return self._object(python_class, name, f"{name}Input"), False
        return self.shape(annotation, owner=name, name="value"), True

    def _bare(  # noqa: PLR0911 - one for each sort of annotation
        self, annotation: Any, *, owner: str, name: str, is_big_int: bool
    ) -> Shape:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if is_big_int and annotation is int:
            return ScalarShape("BigInt")
        if origin is dict and arguments == (str, Any):
            return ScalarShape("JSON")
        if origin is list and arguments:
            return ListShape(self.shape(arguments[0], owner=owner, name=name))
        if origin in {Union, types.UnionType}:
            return self._optional(annotation, arguments, owner=owner, name=name)
        if origin is Literal:
            return self._literal(annotation, arguments, owner=owner, name=name)
        if isinstance(annotation, type) and origin is None:
            if annotation in SCALAR_OF_TYPE:
                return ScalarShape(SCALAR_OF_TYPE[annotation])
            if issubclass(annotation, Enum):
                return self._enum(annotation)
            if is_mappable_class(annotation):
                return self._nested(annotation)
        raise unmapped(annotation)

    def _optional(self, annotation: Any, arguments: tuple[Any, ...], *, owner: str, name: str) -> OptionalShape:
        inner = [argument for argument in arguments if argument is not types.NoneType]
        if len(inner) != 1 or len(inner) == len(arguments):
            advice = "Use Optional[...] of one type; for a choice, a frozen dataclass with an Optional field for each"
            raise Unmappable(named(annotation), advice)
        shape = self.shape(inner[0], owner=owner, name=name)
        return OptionalShape(shape.of if isinstance(shape, OptionalShape) else shape)

    def _literal(self, annotation: Any, values: tuple[Any, ...], *, owner: str, name: str) -> EnumShape:
        for value in values:
            if type(value) is not str:
                advice = "Use a Literal of strings alone, or an Enum; Optional[...] for None"
                raise Unmappable(named(annotation), advice)
            if fault := fault_of_enum_value(value):
                found = f"{named(annotation)}, whose {value!r} is no name in GraphQL"
                raise Unmappable(found, f"Use an Enum or str: {fault}")
        graphql_name = owner + pascal_case(name)
        self._claim(graphql_name, named(annotation))
        return EnumShape(graphql_name, None, tuple(EnumMember(value, value) for value in dict.fromkeys(values)))

    def _enum(self, enum: type[Enum]) -> EnumShape:
        found = f"the Enum {enum.__name__}"
        if not list(enum):
            raise Unmappable(f"{found}, which has no members", "Give it one")
        docs = docs_of_class(enum)
        for member in enum:
            if issubclass(enum, Flag) or not isinstance(member.value, str):
                advice = "Give its members strings as values"
                raise Unmappable(f"{found}, whose {member.name} is {member.value!r}", advice)
            if fault := fault_of_enum_value(member.name):
                raise Unmappable(f"{found}, whose member {member.name!r} is no name in GraphQL", f"Rename it: {fault}")
        members = tuple(EnumMember(member.name, member, docs.of_names.get(member.name)) for member in enum)
        graphql_name = self._class_name(enum)
        self._claim(graphql_name, _full_name(enum))
        return EnumShape(graphql_name, enum, members, docs.description or None)

    def _nested(self, python_class: type) -> ObjectShape:
        if python_class not in self._objects:
            name = self._class_name(python_class)
            if name.endswith("Task"):
                advice = "Rename the class: in the schema only task types end in Task"
                raise Unmappable(f"{python_class.__name__}, which would be called {name}", advice)
            shape = self._object(python_class, name, f"{name}Input")
            self._claim(name, _full_name(python_class))
            self._claim(f"{name}Input", _full_name(python_class))
            self._objects[python_class] = shape
        return self._objects[python_class]

    def _object(self, python_class: type, name: str, input_name: str) -> ObjectShape:
        if python_class in self._open:
            advice = "Use a list of rows that name their parent, or dict[str, Any]"
            raise Unmappable(f"{python_class.__name__}, which contains itself", advice)
        self._open.append(python_class)
        fields = []
        try:
            for field in fields_of_class(python_class):
                with inside(f"{python_class.__name__}.{field.name}"):
                    fields.append(self.field(field, owner=name))
        finally:
            self._open.pop()
        check_distinct(fields)
        return ObjectShape(
            name, input_name, python_class, tuple(fields), docs_of_class(python_class).description or None
        )

    def _class_name(self, python_class: type) -> str:
        name = f"{self.prefix}{python_class.__name__.lstrip('_')}"
        if not is_type_name(name):
            raise Unmappable(f"the class name {python_class.__name__!r}", "Rename it with ASCII letters and digits")
        return name

    def _claim(self, name: str, by: str) -> None:
        holder = self.claimed.setdefault(name, by)
        if holder != by:
            raise Unmappable(f"{by}, which would be called {name} as is {holder}", "Rename one of the two")


def check_distinct(fields: list[FieldShape]) -> None:
    """Raise Unmappable where two fields of one type have the same name in GraphQL."""
    seen: dict[str, str] = {}
    for field in fields:
        other = seen.setdefault(field.graphql_name, field.python_name)
        if other != field.python_name:
            found = f"{other!r} and {field.python_name!r}, which are both {field.graphql_name!r} in GraphQL"
            raise Unmappable(found, "Rename one of the two")


@contextmanager
def inside(place: str) -> Iterator[None]:
    """Add the place inside a class to what is found unmappable there."""
    try:
        yield
    except Unmappable as error:
        raise Unmappable(f"{error.found} at {place}", error.advice) from error


def _constrained(shape: Shape, constraints: tuple[Any, ...]) -> Shape:
    if isinstance(shape, OptionalShape):
        return OptionalShape(_constrained(shape.of, constraints))
    check_constraints(shape, constraints)
    match shape:
        case ScalarShape(name=name, constraints=inner):
            return ScalarShape(name, inner + constraints)
        case ListShape(of=of, constraints=inner):
            return ListShape(of, inner + constraints)
        case _:
            return shape


def _unwrapped(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    metadata: tuple[Any, ...] = ()
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *added = get_args(annotation)
            metadata = (*added, *metadata)
        elif isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        else:
            return annotation, metadata


def _full_name(python_class: type) -> str:
    return f"{python_class.__module__}.{python_class.__qualname__}"
