"""Bad arguments and bad results: every fault at once, each with its path in GraphQL names and a plain message."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AfterValidator, BaseModel, ValidationInfo, field_validator, model_validator

from tasks.registry import ArgumentsInvalid, BigInt, Field, ResultInvalid, TaskType, build_task_type
from tasks.registry.faults import MAX_FAULTS, Fault


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True)
class Row:
    """A row with a rule of its own."""

    unit_price: Decimal
    amount: Annotated[int, Field(ge=1)] = 1

    def __post_init__(self) -> None:
        """Refuse what is too dear."""
        if self.unit_price > 1000:
            raise ValueError(f"{self.unit_price} is too dear")


class Span(BaseModel):
    """A model with rules of its own."""

    first_day: int
    last_day: int

    @field_validator("last_day")
    @classmethod
    def _not_sunday(cls, day: int, info: ValidationInfo) -> int:
        del info
        if day % 7 == 0:
            raise ValueError("closed on sundays")
        return day

    @model_validator(mode="after")
    def _in_order(self) -> "Span":
        if self.first_day > self.last_day:
            raise ValueError("ends before it begins")
        return self


def even(number: int) -> int:
    """Refuse odd numbers."""
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def _task_type() -> TaskType:
    def do_it(  # noqa: PLR0913, PLR0917 - one of each
        text: Annotated[str, Field(min_length=1, max_length=5, pattern="^[^x]*$")] = "a",
        whole: int = 1,
        even_number: Annotated[int, AfterValidator(even)] = 2,
        bounded: Annotated[int, Field(gt=0, lt=10, multiple_of=3)] = 3,
        number: float = 1.0,
        yes: bool = True,
        big: BigInt = 1,
        price: Annotated[Decimal, Field(max_digits=4, decimal_places=2)] = Decimal(1),
        at: datetime = datetime(2026, 1, 1, tzinfo=UTC),
        day: date = date(2026, 1, 1),
        hour: time = time(12),
        key: UUID = UUID(int=1),  # noqa: B008 - see above
        fmt: Format = Format.CSV,
        word: Literal["a", "b"] = "a",
        numbers: Annotated[list[int], Field(max_length=3)] | None = None,
        rows: list[Row] | None = None,
        span: Span | None = None,
        free: dict[str, Any] | None = None,
    ) -> None:
        raise NotImplementedError

    return build_task_type(do_it)


TASK_TYPE = _task_type()
DEEP: dict[str, Any] = {}
for _ in range(200):
    DEEP = {"a": DEEP}

FAULTS: dict[str, tuple[str, Any, tuple[str | int, ...], str]] = {
    "string: number": ("text", 5, (), "expected a string, got 5"),
    "string: null": ("text", None, (), "expected a string, got None"),
    "string: too short": ("text", "", (), "expected at least 1 characters, got 0"),
    "string: too long": ("text", "a" * 6, (), "expected at most 5 characters, got 6"),
    "string: pattern": ("text", "axe", (), "expected a match of ^[^x]*$, got 'axe'"),
    "string: NUL": ("text", "a\0", (), "the character U+0000 can't be stored: leave it out"),
    "string: surrogate": ("text", "a\ud800", (), "expected a string of Unicode characters, got 'a\\ud800'"),
    "int: string": ("whole", "5", (), "expected a whole number, got '5'"),
    "int: bool": ("whole", True, (), "expected a whole number, got True"),
    "int: float": ("whole", 5.0, (), "expected a whole number, got 5.0"),
    "int: over 32 bits": ("whole", 2**31, (), "expected at most 2147483647, got 2147483648"),
    "int: under 32 bits": ("whole", -(2**31) - 1, (), "expected at least -2147483648, got -2147483649"),
    "int: huge": ("whole", 10**5000, (), "expected at most 2147483647, got a number of many digits"),
    "int: the author's validator": ("evenNumber", 3, (), "3 is odd"),
    "int: gt": ("bounded", 0, (), "expected more than 0, got 0"),
    "int: lt": ("bounded", 12, (), "expected less than 10, got 12"),
    "int: multiple": ("bounded", 4, (), "expected a multiple of 3, got 4"),
    "float: NaN": ("number", float("nan"), (), "expected a finite number, got nan"),
    "float: infinite": ("number", float("inf"), (), "expected a finite number, got inf"),
    "float: bool": ("number", True, (), "expected a number, got True"),
    "float: beyond": ("number", 10**400, (), "expected a number, got a number of many digits"),
    "bool: number": ("yes", 1, (), "expected true or false, got 1"),
    "BigInt: words": ("big", "ten", (), "expected a whole number in decimal digits, at most 4,300 of them, got 'ten'"),
    "BigInt: underscores": (
        "big",
        "1_0",
        (),
        "expected a whole number in decimal digits, at most 4,300 of them, got '1_0'",
    ),
    "BigInt: bool": ("big", True, (), "expected a whole number, got True"),
    "BigInt: too big": ("big", 10**4300, (), "expected at most 4,300 digits"),
    "Decimal: words": ("price", "much", (), "expected a decimal number, got 'much'"),
    "Decimal: float": ("price", 1.5, (), "expected a Decimal, got 1.5"),
    "Decimal: NaN": ("price", Decimal("NaN"), (), "expected a finite number, got Decimal('NaN')"),
    "Decimal: signalling": ("price", "sNaN", (), "expected a finite number, got Decimal('sNaN')"),
    "Decimal: digits": ("price", Decimal(12345), (), "expected at most 4 digits, got Decimal('12345')"),
    "Decimal: places": ("price", Decimal("1.234"), (), "expected at most 2 decimal places, got Decimal('1.234')"),
    "datetime: naive": (
        "at",
        datetime(2026, 1, 1),  # noqa: DTZ001 - the example
        (),
        "expected a date and time with an offset, as in 2026-01-31T12:00:00Z, got 2026-01-01T00:00:00 without one",
    ),
    "datetime: naive text": (
        "at",
        "2026-01-01",
        (),
        "expected a date and time with an offset, as in 2026-01-31T12:00:00Z, got 2026-01-01T00:00:00 without one",
    ),
    "datetime: words": (
        "at",
        "noon",
        (),
        "expected a date and time with an offset, as in 2026-01-31T12:00:00Z, got 'noon'",
    ),
    "datetime: number": ("at", 5, (), "expected a date and time, got 5"),
    "datetime: out of range": (
        "at",
        "0001-01-01T00:00:00+14:00",
        (),
        "expected a moment between the years 1 and 9999 in UTC, got '0001-01-01T00:00:00+14:00'",
    ),
    "date: datetime": ("day", datetime(2026, 1, 1, tzinfo=UTC), (), "expected a date, got datetime.datetime("),
    "date: words": ("day", "today", (), "expected a date, as in 2026-01-31, got 'today'"),
    "time: words": ("hour", "noon", (), "expected a time of day, as in 12:00:00, got 'noon'"),
    "UUID: words": ("key", "mine", (), "expected a UUID, got 'mine'"),
    "UUID: number": ("key", 5, (), "expected a UUID, got 5"),
    "enum: unknown": ("fmt", "XML", (), "expected one of CSV, JSON, got 'XML'"),
    "enum: value, not name": ("fmt", "csv", (), "expected one of CSV, JSON, got 'csv'"),
    "Literal: unknown": ("word", "c", (), "expected one of a, b, got 'c'"),
    "list: string": ("numbers", "1", (), "expected a list, got '1'"),
    "list: element": ("numbers", [1, "2"], (1,), "expected a whole number, got '2'"),
    "list: too long": ("numbers", [1, 2, 3, 4], (), "expected at most 3 items, got 4"),
    "object: string": ("rows", ["x"], (0,), "expected an object, got 'x'"),
    "object: field missing": ("rows", [{}], (0, "unitPrice"), "is required"),
    "object: field unknown": ("rows", [{"unitPrice": "1", "x": 1}], (0, "x"), "is not a known field"),
    "object: field wrong": ("rows", [{"unitPrice": "1", "amount": 0}], (0, "amount"), "expected at least 1, got 0"),
    "object: its own rule": ("rows", [{"unitPrice": "1001"}], (0,), "1001 is too dear"),
    "model: field's rule": ("span", {"firstDay": 1, "lastDay": 7}, ("lastDay",), "closed on sundays"),
    "model: its own rule": ("span", {"firstDay": 5, "lastDay": 1}, (), "ends before it begins"),
    "JSON: list": ("free", [], (), "expected an object, got []"),
    "JSON: NUL deep inside": ("free", {"a": [{"b": "\0"}]}, ("a", 0, "b"), "the character U+0000 can't be stored"),
    "JSON: NUL in a key": ("free", {"a\0": 1}, ("a\\x00",), "its name: the character U+0000 can't be stored"),
    "JSON: surrogate in a key": ("free", {"\udfff": 1}, ("\\udfff",), "its name: the lone surrogate"),
    "JSON: NaN": ("free", {"a": float("nan")}, ("a",), "expected a finite number, got nan"),
    "JSON: huge number": (
        "free",
        {"a": 2**64},
        ("a",),
        "expected 64 bits at most, or a string, got 18446744073709551616",
    ),
    "JSON: no JSON": ("free", {"a": {1}}, ("a",), "expected a JSON value, got {1}"),
    "JSON: number as key": ("free", {1: 1}, (1, "[key]"), "expected a string, got 1"),
    "JSON: number as key deep inside": ("free", {"a": {1: 1}}, ("a",), "expected strings as keys, got 1"),
    "JSON: too deep": ("free", DEEP, ("a",), "expected at most 100 levels"),
    "unknown argument": ("other", 1, (), "is not a known field"),
}


@pytest.mark.parametrize(("name", "value", "path", "message"), FAULTS.values(), ids=FAULTS)
def test_bad_argument_is_a_fault_with_its_path(name: str, value: Any, path: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ArgumentsInvalid) as raised:
        TASK_TYPE.parse_arguments({name: value})

    (fault,) = raised.value.faults
    assert fault.path == (name, *path)
    assert fault.message.startswith(message)
    json.dumps(fault.path).encode()
    fault.message.encode()


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ArgumentsInvalid) as raised:
        TASK_TYPE.parse_arguments(
            {"text": "\0", "whole": "1", "numbers": [1, None, "x"], "free": {"a": "\0", "b": ["\0"]}}
        )

    assert [fault.path for fault in raised.value.faults] == [
        ("text",),
        ("whole",),
        ("numbers", 1),
        ("numbers", 2),
        ("free", "a"),
        ("free", "b", 0),
    ]


def test_message_tells_the_first_faults_and_how_many_more() -> None:
    with pytest.raises(ArgumentsInvalid, match=r"^text: .*; numbers\.0: .*; numbers\.1: .*; and 1 more$"):
        TASK_TYPE.parse_arguments({"text": 1, "numbers": ["a", "b", "c"]})


def test_ten_thousand_faults_are_not_all_told() -> None:
    with pytest.raises(ArgumentsInvalid) as raised:
        TASK_TYPE.parse_arguments({"rows": [1] * 10_000})

    assert len(raised.value.faults) == MAX_FAULTS + 1
    assert raised.value.faults[-1] == Fault((), "and 9900 more faults")


def test_a_megabyte_is_not_echoed() -> None:
    with pytest.raises(ArgumentsInvalid) as raised:
        TASK_TYPE.parse_arguments({"key": "x" * 1_000_000})

    assert len(raised.value.faults[0].message) < 100


def test_missing_argument_is_a_fault() -> None:
    def greet(first_name: str) -> None:
        raise NotImplementedError

    with pytest.raises(ArgumentsInvalid) as raised:
        build_task_type(greet).parse_arguments({})

    assert raised.value.faults == [Fault(("firstName",), "is required")]


def test_placeholder_of_an_empty_input_is_ignored() -> None:
    def rest() -> None:
        raise NotImplementedError

    task_type = build_task_type(rest)

    assert task_type.dump_arguments(task_type.parse_arguments({"_": None})) == {}


STORED: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "of another type": ({"whole": "x"}, ("whole",)),
    "null where a value is due": ({"price": None}, ("price",)),
    "a parameter that is gone": ({"size": 1}, ("size",)),
    "an enum's member that is gone": ({"fmt": "XML"}, ("fmt",)),
    "a field that has come": ({"rows": [{}]}, ("rows", 0, "unitPrice")),
}


@pytest.mark.parametrize(("stored", "path"), STORED.values(), ids=STORED)
def test_stored_arguments_that_no_longer_fit_are_found_out(stored: dict[str, Any], path: tuple[Any, ...]) -> None:
    with pytest.raises(ArgumentsInvalid) as raised:
        TASK_TYPE.load_arguments(stored)

    assert [fault.path for fault in raised.value.faults] == [path]


def test_stored_arguments_get_the_default_of_a_parameter_that_has_come() -> None:
    arguments: Any = TASK_TYPE.load_arguments({"text": "b"})

    assert (arguments.text, arguments.whole) == ("b", 1)


def test_free_json_comes_back_as_postgresql_writes_it() -> None:
    arguments: Any = TASK_TYPE.load_arguments({"free": {"a": 10**30}})

    assert arguments.free == {"a": 10**30}


@dataclass(frozen=True)
class Report:
    """What a handler returns."""

    total: int = 1
    ratio: float = 0.5
    note: str | None = None
    rows: list[Row] | None = None
    span: Span | None = None
    fmt: Format = Format.CSV
    at: datetime | None = None
    price: Decimal | None = None
    free: dict[str, Any] | None = None


def report() -> Report:
    """Report."""
    raise NotImplementedError


REPORT = build_task_type(report)


def wrong(**fields: Any) -> Any:
    """Return a report that is right but for these fields."""
    return replace(Report(), **fields)


def unchecked(**fields: Any) -> Any:
    """Return a span that Pydantic has not looked at."""
    return Span.model_construct(**fields)


RESULTS: dict[str, tuple[Any, str]] = {
    "None": (None, "expected a Report, got None"),
    "another class": (Row(Decimal(1)), "expected a Report, got Row("),
    "a dict": ({"total": 1}, "expected a Report, got {'total': 1}"),
    "wrong type inside": (wrong(total="1"), "total: expected a whole number, got '1'"),
    "float for int": (wrong(total=1.0), "total: expected a whole number, got 1.0"),
    "over 32 bits": (wrong(total=2**31), "total: expected at most 2147483647"),
    "NaN": (wrong(ratio=float("nan")), "ratio: expected a finite number, got nan"),
    "NUL": (wrong(note="\0"), "note: the character U+0000"),
    "surrogate": (wrong(note="\ud800"), "note: the lone surrogate"),
    "bytes": (wrong(note=b"x"), "note: expected a string, got b'x'"),
    "dict for a row": (wrong(rows=[{"unit_price": "1"}]), "rows.0: expected a Row, got {"),
    "tuple for a list": (wrong(rows=()), "rows: expected a list, got ()"),
    "text for a Decimal": (wrong(price="1.5"), "price: expected a Decimal, got '1.5'"),
    "text for a datetime": (wrong(at="2026-01-01T00:00:00Z"), "at: expected a date and time, got '2026"),
    "naive datetime": (wrong(at=datetime(2026, 1, 1)), "at: expected a date and time with an offset"),  # noqa: DTZ001
    "text for an enum": (wrong(fmt="csv"), "fmt: expected one of <Format.CSV: 'csv'>"),
    "out of a row's bounds": (wrong(rows=[Row(Decimal(1), 0)]), "rows.0.amount: expected at least 1, got 0"),
    "wrong type in a model": (
        wrong(span=unchecked(first_day="1", last_day=2)),
        "span.first_day: expected a whole number, got '1'",
    ),
    "model's rule broken": (wrong(span=unchecked(first_day=5, last_day=1)), "span: ends before"),
    "model's field missing": (wrong(span=unchecked(first_day=5)), "span: "),
    "NaN in JSON": (wrong(free={"a": [float("inf")]}), "free.a.0: expected a finite number, got inf"),
    "NUL in a key of JSON": (wrong(free={"\0": 1}), "its name: the character U+0000"),
    "set in JSON": (wrong(free={"a": {1}}), "free.a: expected a JSON value, got {1}"),
}


@pytest.mark.parametrize(("value", "message"), RESULTS.values(), ids=RESULTS)
def test_result_that_does_not_fit_is_invalid(value: Any, message: str) -> None:
    with pytest.raises(ResultInvalid) as raised:
        REPORT.dump_result(value)

    assert message in str(raised.value)
    str(raised.value).encode()


def test_value_returned_where_none_is_declared_is_invalid() -> None:
    def rest() -> None:
        raise NotImplementedError

    task_type = build_task_type(rest)

    assert task_type.dump_result(None) is None
    with pytest.raises(ResultInvalid, match="returned a int"):
        task_type.dump_result(5)


@pytest.mark.parametrize("stored", [None, 5, {}, {"total": "x"}, {"total": 1, "gone": 2}], ids=str)
def test_stored_result_that_no_longer_fits_is_found_out(stored: Any) -> None:
    def count() -> Row:
        raise NotImplementedError

    with pytest.raises(ResultInvalid, match="no longer fits"):
        build_task_type(count).load_result(stored)
