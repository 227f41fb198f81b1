"""What a function's arguments and result look like in the schema, and how values pass through it both ways."""

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
import strawberry
from graphql import graphql_sync
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import InputContext

from tasks.api.types.scalars import SCALARS
from tasks.api.types.shapes import ShapeTypes
from tasks.registry import BigInt, Field, TaskType, build_task_type
from tasks.registry.shapes import ObjectShape


class Colour(enum.Enum):
    """A colour."""

    RED = "red-ish"
    """Like a tomato."""
    BLUE = "blue-ish"


@dataclass(frozen=True)
class Row:
    """One row."""

    first_column: int
    colour: Colour = Colour.BLUE


@dataclass(frozen=True)
class Everything:
    """Each type that maps."""

    text: str
    whole: int
    real: float
    flag: bool
    big: BigInt
    exact: Decimal
    moment: datetime
    day: date
    hour: time
    key: UUID
    colour: Colour
    mode: Literal["fast", "slow"]
    rows: list[Row]
    maybe: Row | None
    free: dict[str, Any]


def take(  # noqa: PLR0913, PLR0917 - one argument of each kind
    everything: Everything,
    words: list[str] = ["a", "b"],  # noqa: B006 - it is never changed
    colour: Colour = Colour.RED,
    mode: Literal["fast", "slow"] = "fast",
    row: Row = Row(7),
    free: dict[str, Any] = {},  # noqa: B006 - it is never changed
    maybe: int | None = None,
    number: Annotated[int, Field(ge=1, le=9)] = 3,
) -> Everything:
    """Take everything, and give it back.

    Args:
        everything: All of it.
        number: How many.
    """
    raise NotImplementedError


def nothing() -> None:
    """Take nothing and give nothing."""


SENT = {
    "text": "ä",
    "whole": 1,
    "real": 0.5,
    "flag": True,
    "big": "123456789012345678901234567890",
    "exact": "1.50",
    "moment": "2030-01-31T10:30:00+01:00",
    "day": "2030-01-31",
    "hour": "09:30:00",
    "key": str(UUID(int=7)),
    "colour": "RED",
    "mode": "slow",
    "rows": [{"firstColumn": 1}, {"firstColumn": 2, "colour": "RED"}],
    "maybe": None,
    "free": {"any_key": [1, None]},
}
ROWS = [Row(1), Row(2, Colour.RED)]
TAKEN = Everything(
    "ä",
    1,
    0.5,
    True,
    123456789012345678901234567890,
    Decimal("1.50"),
    datetime(2030, 1, 31, 9, 30, tzinfo=UTC),
    date(2030, 1, 31),
    time(9, 30),
    UUID(int=7),
    Colour.RED,
    "slow",
    ROWS,
    None,
    {"any_key": [1, None]},
)


@pytest.fixture(scope="module")
def task_type() -> TaskType:
    return build_task_type(take)


def schema_of(task_type: TaskType, received: list[Any]) -> strawberry.Schema:
    """Build a schema whose one field takes the arguments as GraphQL coerces them, and answers `TAKEN`."""
    types = ShapeTypes()
    taken = types.input_type(task_type.arguments)

    def as_given(_input: type, value: Any, _context: InputContext) -> Any:
        return value

    taken.__strawberry_definition__.from_input = as_given
    assert isinstance(task_type.result_shape, ObjectShape)
    shown = types.object_type(task_type.result_shape)

    def resolve(given: Any) -> Any:
        received.append(given)
        return TAKEN

    resolve.__annotations__ = {"given": taken, "return": shown}
    query = type("Query", (), {"take": strawberry.field(resolver=resolve)})
    return strawberry.Schema(query=strawberry.type(query), config=StrawberryConfig(scalar_map=SCALARS))


def test_types_of_every_kind_are_written_as_the_contract_has_them(task_type: TaskType) -> None:
    sdl = schema_of(task_type, []).as_str()

    for line in (
        "input TakeInput {",
        "everything: TakeEverythingInput!",
        'words: [String!]! = ["a", "b"]',
        "colour: TakeColour! = RED",
        "mode: TakeMode! = fast",
        "row: TakeRowInput! = { firstColumn: 7, colour: BLUE }",
        "free: JSON\n",
        "maybe: Int\n",
        "number: Int! = 3",
        "input TakeRowInput {",
        "firstColumn: Int!\n",
        "colour: TakeColour! = BLUE",
        "type TakeRow {",
        "big: BigInt!",
        "exact: Decimal!",
        "moment: DateTime!",
        "day: Date!",
        "hour: Time!",
        "key: UUID!",
        "rows: [TakeRow!]!",
        "maybe: TakeRow\n",
        "enum TakeMode {",
        '"""Like a tomato."""',
        '"""All of it."""',
        '"""How many. At least 1, at most 9."""',
    ):
        assert line in sdl, line


def test_what_is_sent_reaches_the_handler_and_what_it_returns_comes_back(task_type: TaskType) -> None:
    received: list[Any] = []
    schema = schema_of(task_type, received)
    shown = """
        text whole real flag big exact moment day hour key colour mode rows { firstColumn colour } maybe { colour } free
    """

    result = graphql_sync(
        schema._schema,  # noqa: SLF001 - Strawberry has no public name for it
        f"query ($given: TakeInput!) {{ take(given: $given) {{ {shown} }} }}",
        variable_values={"given": {"everything": SENT}},
    )

    assert result.errors is None
    assert result.data is not None
    arguments = task_type.parse_arguments(received[0])
    assert arguments.__dict__ == {
        "everything": TAKEN,
        "words": ["a", "b"],
        "colour": Colour.RED,
        "mode": "fast",
        "row": Row(7),
        "free": {},
        "maybe": None,
        "number": 3,
    }
    assert type(arguments.__dict__["mode"]) is str
    expected = SENT | {
        "moment": "2030-01-31T09:30:00Z",
        "rows": [{"firstColumn": 1, "colour": "BLUE"}, {"firstColumn": 2, "colour": "RED"}],
    }
    assert result.data["take"] == expected


def test_stored_arguments_come_back_as_they_were_taken(task_type: TaskType) -> None:
    arguments = task_type.parse_arguments({"everything": SENT})

    again = task_type.load_arguments(task_type.dump_arguments(arguments))

    assert again.__dict__ == arguments.__dict__


def test_a_function_without_arguments_has_an_input_that_nobody_needs_to_fill() -> None:
    made = ShapeTypes().input_type(build_task_type(nothing).arguments)

    [field] = made.__strawberry_definition__.fields
    assert (made.__strawberry_definition__.name, field.graphql_name) == ("NothingInput", "_")
    assert field.description == "Takes no arguments: send {}."
