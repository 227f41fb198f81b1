"""Every type that maps: what a client may send, what is stored, what the handler gets, and what JSON Schema says."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, PositiveInt, StringConstraints

from tasks.registry import BigInt, Field, TaskType, build_task_type
from tasks.registry.shapes import EnumShape, ListShape, ObjectShape, OptionalShape, ScalarShape


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    """Commas."""
    JSON = "json"


class Plain(Enum):
    """An enum whose names are not its values."""

    FIRST = "1st"


@dataclass(frozen=True)
class Column:
    """A column."""

    column_name: str
    width: Annotated[int, Field(ge=1)] = 10


@dataclass(frozen=True)
class Table:
    """A class that holds others."""

    columns: list[Column]
    made_at: datetime | None = None


class Address(BaseModel):
    """The inner model."""

    street_name: str
    since: date


class Person(BaseModel):
    """A model that holds another."""

    home: Address
    nick_names: list[str] = Field(default_factory=list)


UserId = NewType("UserId", int)
A_UUID = UUID("0197a3a0-0000-7000-8000-000000000001")
BIG = 12345678901234567890
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Case(NamedTuple):
    """One mapped type."""

    annotation: Any
    sent: Any
    """As GraphQL hands it over."""
    stored: Any
    loaded: Any
    schema: dict[str, Any]


INT_SCHEMA = {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}
CASES = {
    "str": Case(str, "grüße 😀", "grüße 😀", "grüße 😀", {"type": "string"}),
    "int": Case(int, 2**31 - 1, 2**31 - 1, 2**31 - 1, INT_SCHEMA),
    "float": Case(float, 1.5, 1.5, 1.5, {"type": "number"}),
    "whole float": Case(float, 3, 3.0, 3.0, {"type": "number"}),
    "bool": Case(bool, True, True, True, {"type": "boolean"}),
    "BigInt": Case(BigInt, BIG, str(BIG), BIG, {"type": "string", "pattern": "^-?[0-9]+$"}),
    "BigInt as text": Case(BigInt, f"-{BIG}", f"-{BIG}", -BIG, {"type": "string", "pattern": "^-?[0-9]+$"}),
    "Decimal": Case(Decimal, Decimal("1.10"), "1.10", Decimal("1.10"), {"type": "string", "format": "decimal"}),
    "datetime": Case(
        datetime,
        datetime(2026, 1, 31, 14, tzinfo=timezone(timedelta(hours=2))),
        "2026-01-31T12:00:00Z",
        NOON,
        {"type": "string", "format": "date-time"},
    ),
    "datetime as text": Case(
        datetime, "2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500000Z", NOON.replace(microsecond=500_000), {}
    ),
    "date": Case(date, date(2026, 1, 31), "2026-01-31", date(2026, 1, 31), {"type": "string", "format": "date"}),
    "time": Case(time, time(12, 30), "12:30:00", time(12, 30), {"type": "string", "format": "time"}),
    "UUID": Case(UUID, A_UUID, str(A_UUID), A_UUID, {"type": "string", "format": "uuid"}),
    "Enum": Case(Plain, Plain.FIRST, "FIRST", Plain.FIRST, {"type": "string", "enum": ["FIRST"]}),
    "Enum by name": Case(
        Format,
        "CSV",
        "CSV",
        Format.CSV,
        {"type": "string", "enum": ["CSV", "JSON"], "description": "How rows are written."},
    ),
    "Literal": Case(Literal["a", "b"], "b", "b", "b", {"type": "string", "enum": ["a", "b"]}),
    "list": Case(list[int], [1, 2], [1, 2], [1, 2], {"type": "array", "items": INT_SCHEMA}),
    "list of optional BigInt": Case(list[BigInt | None], [1, None], ["1", None], [1, None], {}),
    "Optional": Case(Optional[str], None, None, None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),  # noqa: UP045
    "X | None": Case(Decimal | None, Decimal(2), "2", Decimal(2), {}),
    "JSON": Case(
        dict[str, Any],
        {"aKey": [1, 2.5, None, {"ü": True}]},
        {"aKey": [1, 2.5, None, {"ü": True}]},
        {"aKey": [1, 2.5, None, {"ü": True}]},
        {"type": "object", "additionalProperties": True},
    ),
    "dataclass": Case(
        Column, {"columnName": "x"}, {"column_name": "x", "width": 10}, Column("x"), {"$ref": "#/$defs/DoItColumn"}
    ),
    "nested dataclasses": Case(
        Table,
        {"columns": [{"columnName": "x", "width": 2}], "madeAt": NOON},
        {"columns": [{"column_name": "x", "width": 2}], "made_at": "2026-01-31T12:00:00Z"},
        Table([Column("x", 2)], NOON),
        {},
    ),
    "nested Pydantic models": Case(
        Person,
        {"home": {"streetName": "Elm", "since": date(2020, 2, 29)}},
        {"home": {"street_name": "Elm", "since": "2020-02-29"}, "nick_names": []},
        Person(home=Address(street_name="Elm", since=date(2020, 2, 29))),
        {},
    ),
    "NewType": Case(UserId, 7, 7, 7, INT_SCHEMA),
    "Pydantic's own annotated types": Case(PositiveInt, 7, 7, 7, {**INT_SCHEMA, "exclusiveMinimum": 0}),
    "bounds": Case(Annotated[int, Field(ge=0, le=10)], 10, 10, 10, {"type": "integer", "minimum": 0, "maximum": 10}),
    "bounds on an optional": Case(Annotated[int | None, Field(ge=0)], None, None, None, {}),
    "pattern": Case(
        Annotated[str, StringConstraints(pattern="^a+$", max_length=3)],
        "aa",
        "aa",
        "aa",
        {"type": "string", "pattern": "^a+$", "maxLength": 3},
    ),
    "bounds inside and outside a list": Case(
        Annotated[list[Annotated[str, Field(max_length=2)]], Field(min_length=1)],
        ["ab"],
        ["ab"],
        ["ab"],
        {"type": "array", "minItems": 1, "items": {"type": "string", "maxLength": 2}},
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def task_type_of(annotation: Any) -> TaskType:
    """Make a task type that takes a value of this type and returns it."""

    def do_it(some_value: Any) -> Any:
        return some_value

    do_it.__annotations__ = {"some_value": annotation, "return": annotation}
    return build_task_type(do_it)


def returned(case: Case) -> tuple[TaskType, Any]:
    """Return the task type and what its handler returns when it is submitted and run."""
    task_type = task_type_of(case.annotation)
    stored = task_type.dump_arguments(task_type.parse_arguments({"someValue": case.sent}))
    loaded = task_type.load_arguments(stored)
    return task_type, task_type.handler(**loaded.__dict__)


@every_case
def test_argument_is_stored_as_json_under_its_python_name(case: Case) -> None:
    task_type = task_type_of(case.annotation)

    stored = task_type.dump_arguments(task_type.parse_arguments({"someValue": case.sent}))

    assert stored == {"some_value": case.stored}
    assert type(stored["some_value"]) is type(case.stored)


@every_case
def test_handler_gets_the_authors_own_type_back_from_storage(case: Case) -> None:
    _, value = returned(case)

    assert value == case.loaded
    assert type(value) is type(case.loaded)


@every_case
def test_attributes_of_loaded_arguments_have_python_names(case: Case) -> None:
    task_type = task_type_of(case.annotation)

    arguments: Any = task_type.load_arguments({"some_value": case.stored})

    assert arguments.some_value == case.loaded


@every_case
def test_result_survives_storage(case: Case) -> None:
    task_type, value = returned(case)

    stored = task_type.dump_result(value)

    assert stored == case.stored
    assert task_type.load_result(stored) == case.loaded


@every_case
def test_json_schema_describes_what_clients_see(case: Case) -> None:
    task_type = task_type_of(case.annotation)
    schema = task_type.arguments_schema

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["properties"]["someValue"].items() >= case.schema.items()
    Draft202012Validator(schema).validate(task_type.arguments_json({"some_value": case.stored}))
    Draft202012Validator(task_type.result_schema).validate(task_type.result_json(case.stored))


def test_json_keeps_its_own_keys_while_fields_get_graphql_names() -> None:
    task_type = task_type_of(Table)

    shown = task_type.arguments_json({"some_value": {"columns": [{"column_name": "x", "width": 1}], "made_at": None}})

    assert shown == {"someValue": {"columns": [{"columnName": "x", "width": 1}], "madeAt": None}}


SHAPES: dict[str, tuple[Any, Callable[[Any], bool]]] = {
    "scalar": (BigInt, lambda shape: shape == ScalarShape("BigInt")),
    "list": (list[str], lambda shape: shape == ListShape(ScalarShape("String"))),
    "optional": (bool | None, lambda shape: shape == OptionalShape(ScalarShape("Boolean"))),
    "object": (Column, lambda shape: isinstance(shape, ObjectShape) and shape.graphql_name == "DoItColumn"),
    "input": (Column, lambda shape: shape.input_name == "DoItColumnInput" and shape.python_class is Column),
    "object's fields": (
        Column,
        lambda shape: [field.graphql_name for field in shape.fields] == ["columnName", "width"],
    ),
    "object's default": (Column, lambda shape: shape.fields[1].default == 10),
    "object's description": (Column, lambda shape: shape.description == "A column."),
    "Enum": (Format, lambda shape: isinstance(shape, EnumShape) and shape.graphql_name == "DoItFormat"),
    "Enum's docs": (Format, lambda shape: [member.description for member in shape.members] == ["Commas.", None]),
    "Literal": (Literal["a"], lambda shape: shape.graphql_name == "DoItSomeValue" and shape.python_class is None),
    "Literal in a list": (list[Literal["a"]], lambda shape: shape.of.graphql_name == "DoItSomeValue"),
}


@pytest.mark.parametrize(("annotation", "holds"), SHAPES.values(), ids=SHAPES)
def test_shape_says_what_graphql_needs(annotation: Any, holds: Callable[[Any], bool]) -> None:
    task_type = task_type_of(annotation)

    assert holds(task_type.arguments.fields[0].shape)


def test_default_reaches_schema_and_handler_and_is_stored() -> None:
    def export(
        rows: list[Column] = [Column("x")],  # noqa: B006 - it is copied for each task
        fmt: Format = Format.CSV,
        price: Decimal = Decimal("1.5"),
        keep: bool = True,
    ) -> None:
        """Export."""

    task_type = build_task_type(export)
    stored = task_type.dump_arguments(task_type.parse_arguments({}))

    assert stored == {"rows": [{"column_name": "x", "width": 10}], "fmt": "CSV", "price": "1.5", "keep": True}
    properties = task_type.arguments_schema["properties"]
    defaults = {name: properties[name]["default"] for name in properties}
    assert defaults == {"rows": [{"columnName": "x", "width": 10}], "fmt": "CSV", "price": "1.5", "keep": True}


def test_optional_argument_may_be_left_out() -> None:
    def greet(name: str | None) -> None:
        """Greet."""

    task_type = build_task_type(greet)

    assert task_type.dump_arguments(task_type.parse_arguments({})) == {"name": None}


def test_enum_of_another_class_is_taken_by_its_name() -> None:
    graphql_enum = Enum("graphql_enum", {"CSV": "CSV"})
    task_type = task_type_of(Format)

    arguments: Any = task_type.parse_arguments({"someValue": graphql_enum["CSV"]})

    assert arguments.some_value is Format.CSV


@pytest.mark.parametrize("name", ["json", "copy", "schema", "model_dump", "self", "cls", "fields", "model_name"])
def test_parameter_may_be_called_as_pydantic_calls_its_methods(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def f({name}: int) -> int: return {name}", namespace)  # noqa: S102 - the name is the example
    task_type = build_task_type(namespace["f"])

    arguments = task_type.load_arguments(task_type.dump_arguments(task_type.parse_arguments({_camel(name): 5})))

    assert task_type.handler(**arguments.__dict__) == 5


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
