"""What arguments and results look like, apart from annotations, Pydantic and GraphQL: what all derive from."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

ScalarName = Literal[
    "String", "Int", "Float", "Boolean", "BigInt", "Decimal", "DateTime", "Date", "Time", "UUID", "JSON"
]


class NoDefault(Enum):
    """The type of `NO_DEFAULT`, which no value of an argument can equal."""

    NO_DEFAULT = "no default"
    """Nothing stands in for a value that is left out."""

    def __repr__(self) -> str:
        return self.name


NO_DEFAULT: Final = NoDefault.NO_DEFAULT


@dataclass(frozen=True, slots=True)
class ScalarShape:
    """One value of a scalar of the contract."""

    name: ScalarName
    """Its name in GraphQL."""
    constraints: tuple[Any, ...] = ()
    """The author's bounds and validators, as Pydantic takes them."""


@dataclass(frozen=True, slots=True)
class EnumMember:
    """One value of an enum."""

    graphql_name: str
    """How clients write it, and how it is stored."""
    python_value: Any
    """What the handler gets: the Enum's member, or the Literal's string."""
    description: str | None = None
    """The string below the member in its class."""


@dataclass(frozen=True, slots=True)
class EnumShape:
    """One of a few names: an Enum of the author's or a Literal of strings."""

    graphql_name: str
    """`ExportUsersFormat`."""
    python_class: type[Enum] | None
    """None for a Literal."""
    members: tuple[EnumMember, ...]
    """At least one, in the order they were written."""
    description: str | None = None
    """The class's docstring."""


@dataclass(frozen=True, slots=True)
class ListShape:
    """Any number of values of one shape."""

    of: "Shape"
    """An element."""
    constraints: tuple[Any, ...] = ()
    """Bounds on the length, and the author's validators."""


@dataclass(frozen=True, slots=True)
class OptionalShape:
    """A value or null."""

    of: "Shape"
    """The value; never optional itself."""


@dataclass(frozen=True, slots=True)
class FieldShape:
    """An argument, or a field of an object."""

    python_name: str
    """The handler's parameter, the class's attribute, and the key under which it is stored."""
    graphql_name: str
    """The same in camelCase."""
    shape: "Shape"
    """What it holds. A field that may be left out is optional or has a default."""
    default: Any = NO_DEFAULT
    """The Python value that the handler gets when it is left out. Checked against the shape."""
    description: str | None = None
    """From the docstring, with the constraints in words."""


@dataclass(frozen=True, slots=True)
class ObjectShape:
    """All arguments of a task type, or a class of the author's."""

    graphql_name: str
    """As an object type: `ExportUsersArguments`, `ExportUsersResult`, `ExportUsersRow`."""
    input_name: str
    """As an input type: `ExportUsersInput`, `ExportUsersRowInput`."""
    python_class: type | None
    """None for the arguments as a whole."""
    fields: tuple[FieldShape, ...]
    """In the order they were written. Only the arguments as a whole may be empty."""
    description: str | None = None
    """The function's or the class's docstring."""


Shape = ScalarShape | EnumShape | ListShape | OptionalShape | ObjectShape


def walk(shape: Shape) -> Iterator[Shape]:
    """Yield the shape and everything inside it, each place once: a class that is used twice comes twice."""
    yield shape
    match shape:
        case ListShape(of=of) | OptionalShape(of=of):
            yield from walk(of)
        case ObjectShape(fields=fields):
            for field in fields:
                yield from walk(field.shape)
        case _:
            return


def has_renamed_fields(shape: Shape) -> bool:
    """Tell whether any field inside has another name in GraphQL than in Python."""
    return any(
        field.python_name != field.graphql_name
        for inner in walk(shape)
        if isinstance(inner, ObjectShape)
        for field in inner.fields
    )


def in_graphql_names(shape: Shape, stored: Any) -> Any:
    """Return stored JSON with its keys as clients know them. What does not fit the shape is passed on as it is."""
    match shape:
        case OptionalShape(of=of):
            return in_graphql_names(of, stored)
        case ListShape(of=of) if isinstance(stored, list):
            return [in_graphql_names(of, element) for element in stored]
        case ObjectShape(fields=fields) if isinstance(stored, dict):
            known = {field.python_name: field for field in fields}
            return {
                known[key].graphql_name if key in known else key: in_graphql_names(known[key].shape, value)
                if key in known
                else value
                for key, value in stored.items()
            }
        case _:
            return stored
