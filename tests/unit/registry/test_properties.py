"""What holds for every value: what is accepted is stored as JSON and comes back the same; all else is a fault."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.registry import ArgumentsInvalid, BigInt, Fault, ResultInvalid, build_task_type


@dataclass(frozen=True)
class Part:
    """An inner record."""

    word: str
    amount: Decimal | None


@dataclass(frozen=True)
class Record:
    """One of everything."""

    text: str
    number: int
    big_number: BigInt
    ratio: float
    price: Decimal
    at: datetime
    day: date
    hour: time
    key: UUID
    flags: list[bool | None]
    parts: list[Part]
    free: dict[str, Any]


def echo(record: Record) -> Record:
    """Return what was given."""
    return record


ECHO = build_task_type(echo)
# Examples cost what they hold, and shared machines stall: no example is late, and none is kept for the next run.
examples = settings(max_examples=50, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)
RECORDS = st.builds(
    Record,
    text=TEXT,
    number=st.integers(-(2**31), 2**31 - 1),
    big_number=st.integers(),
    ratio=FLOATS,
    price=DECIMALS,
    at=st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES),  # noqa: DTZ001
    day=st.dates(),
    hour=st.times(),
    key=st.uuids(),
    flags=st.lists(st.booleans() | st.none(), max_size=3),
    parts=st.lists(st.builds(Part, word=TEXT, amount=DECIMALS | st.none()), max_size=3),
    free=st.dictionaries(TEXT, JSON, max_size=3),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@examples
@given(RECORDS)
def test_what_a_handler_returns_comes_back_from_storage_the_same(record: Record) -> None:
    stored = json.loads(json.dumps(ECHO.dump_result(record), allow_nan=False))

    assert ECHO.load_result(stored) == record


@examples
@given(RECORDS)
def test_result_of_one_task_can_be_the_argument_of_another(record: Record) -> None:
    shown = ECHO.result_json(ECHO.dump_result(record))

    arguments: Any = ECHO.parse_arguments({"record": shown})

    assert arguments.record == record
    assert arguments.record.at.tzinfo is UTC


@examples
@given(st.dictionaries(st.sampled_from([*Record.__dataclass_fields__, "bigNumber"]), ANYTHING))
def test_whatever_is_sent_is_either_taken_or_a_fault(values: dict[str, Any]) -> None:
    faults: list[Fault] = []
    stored: dict[str, Any] = {}

    try:
        stored = ECHO.dump_arguments(ECHO.parse_arguments({"record": values}))
    except ArgumentsInvalid as invalid:
        faults = invalid.faults

    assert bool(stored) != bool(faults)
    json.dumps(stored, allow_nan=False)
    json.dumps([[*fault.path, fault.message] for fault in faults], ensure_ascii=False).encode()


@examples
@given(ANYTHING)
def test_whatever_else_is_returned_is_invalid(value: Any) -> None:
    with pytest.raises(ResultInvalid) as raised:
        ECHO.dump_result(value)

    str(raised.value).encode()
