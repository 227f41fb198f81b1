from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from graphql import parse_value
from strawberry.scalars import JSON

from tasks.api.types.scalars import SCALARS, BigInt, EventCursor, format_datetime, parse_datetime, parse_uuid
from tasks.errors import BadUserInput

TASK = UUID("01890c5e-6a1b-7c3d-8e4f-a0b1c2d3e4f5")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2030-01-31T09:30:00Z", datetime(2030, 1, 31, 9, 30, tzinfo=UTC), id="in UTC"),
        pytest.param("2030-01-31T09:30:00+02:00", datetime(2030, 1, 31, 7, 30, tzinfo=UTC), id="with an offset"),
        pytest.param(
            "2030-01-31t09:30:00.25z", datetime(2030, 1, 31, 9, 30, 0, 250000, tzinfo=UTC), id="small letters"
        ),
        pytest.param(
            "2030-01-31 09:30:00.123456789Z", datetime(2030, 1, 31, 9, 30, 0, 123456, tzinfo=UTC), id="nanoseconds"
        ),
    ],
)
def test_a_moment_is_read_with_its_offset(text: str, moment: datetime) -> None:
    read = parse_datetime(text)

    assert read == moment
    assert read.utcoffset() == timedelta()


@pytest.mark.parametrize(
    "value",
    [
        "2030-01-31T09:30:00",
        "2030-01-31",
        "2030-02-30T09:30:00Z",
        "2030-01-31T24:30:00Z",
        "0001-01-01T00:00:00+14:00",
        "20300131T093000Z",
        "2030-01-31T09:30:00+0200",
        "٢٠٣٠-01-31T09:30:00Z",
        "tomorrow",
        "",
        1893456000,
        True,
        None,
    ],
)
def test_what_is_no_moment_is_refused(value: object) -> None:
    with pytest.raises(BadUserInput):
        parse_datetime(value)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        pytest.param(datetime(2030, 1, 31, 9, 30, tzinfo=UTC), "2030-01-31T09:30:00Z", id="in UTC"),
        pytest.param(
            datetime(2030, 1, 31, 9, 30, 0, 5, tzinfo=timezone(timedelta(hours=2))),
            "2030-01-31T07:30:00.000005Z",
            id="elsewhere",
        ),
    ],
)
def test_a_moment_is_written_in_utc(moment: datetime, text: str) -> None:
    assert format_datetime(moment) == text


@pytest.mark.parametrize("text", [str(TASK), str(TASK).upper()])
def test_a_uuid_is_read(text: str) -> None:
    assert parse_uuid(text) == TASK


@pytest.mark.parametrize("value", [TASK.hex, f"{{{TASK}}}", f"urn:uuid:{TASK}", f"{TASK}\n", "", 7, None])
def test_what_is_no_uuid_is_refused(value: object) -> None:
    with pytest.raises(BadUserInput):
        parse_uuid(value)


@pytest.mark.parametrize(
    ("scalar", "given", "value"),
    [
        pytest.param(BigInt, "9007199254740993", 9007199254740993, id="BigInt as a string"),
        pytest.param(BigInt, -(10**30), -(10**30), id="BigInt as a number"),
        pytest.param(Decimal, "0.10", Decimal("0.10"), id="Decimal as a string"),
        pytest.param(Decimal, 0.1, Decimal("0.1"), id="Decimal as a number"),
        pytest.param(date, "2030-01-31", date(2030, 1, 31), id="Date"),
        pytest.param(time, "09:30:00", time(9, 30), id="Time"),
        pytest.param(EventCursor, "anything", "anything", id="EventCursor, whose resolver looks into it"),
    ],
)
def test_a_scalar_is_read(scalar: object, given: object, value: object) -> None:
    parse = SCALARS[scalar].parse_value
    assert parse is not None

    assert parse(given) == value


@pytest.mark.parametrize(
    ("scalar", "given"),
    [
        pytest.param(BigInt, True, id="BigInt as a boolean"),
        pytest.param(BigInt, 1.0, id="BigInt as a float"),
        pytest.param(BigInt, "1e3", id="BigInt with an exponent"),
        pytest.param(BigInt, "9" * 5000, id="BigInt too long for Python"),
        pytest.param(Decimal, "NaN", id="Decimal that is none"),
        pytest.param(Decimal, "Infinity", id="Decimal without end"),
        pytest.param(Decimal, False, id="Decimal as a boolean"),
        pytest.param(Decimal, [1], id="Decimal as a list"),
        pytest.param(date, "2030-13-01", id="Date that does not exist"),
        pytest.param(date, "20300131", id="Date without hyphens"),
        pytest.param(time, "25:00", id="Time that does not exist"),
        pytest.param(time, 930, id="Time as a number"),
        pytest.param(EventCursor, 17, id="EventCursor as a number"),
    ],
)
def test_what_is_no_such_scalar_is_refused(scalar: object, given: object) -> None:
    parse = SCALARS[scalar].parse_value
    assert parse is not None

    with pytest.raises(BadUserInput):
        parse(given)


def test_a_decimal_in_a_document_keeps_every_digit() -> None:
    parse = SCALARS[Decimal].parse_literal
    assert parse is not None

    assert parse(parse_value("0.1000000000000000000000000001"), None) == Decimal("0.1000000000000000000000000001")


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        pytest.param("{a: 1, b: $absent}", {"a": 1}, id="no member in an object"),
        pytest.param("[1, $absent]", [1, None], id="null in a list"),
        pytest.param("{a: [{b: $absent, c: $given}]}", {"a": [{"c": "here"}]}, id="deep inside"),
    ],
)
def test_a_variable_that_was_left_out_of_a_json_literal_leaves(literal: str, value: object) -> None:
    parse = SCALARS[JSON].parse_literal
    assert parse is not None

    assert parse(parse_value(literal), {"given": "here"}) == value
