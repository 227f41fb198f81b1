"""The scalars of the contract, as Strawberry is told about them in `SCALARS`."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, NewType
from uuid import UUID

import strawberry
from graphql import FloatValueNode, IntValueNode, StringValueNode, Undefined, ValueNode, value_from_ast_untyped
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

from tasks.errors import BadUserInput

BigInt = NewType("BigInt", int)
"""A whole number of any size, in annotations of the schema."""
EventCursor = NewType("EventCursor", str)
"""A position in the event log as clients hold it. Resolvers parse it, so that a malformed one is INVALID_CURSOR."""

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,4300}", re.ASCII)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_UTC_OFFSET = "+00:00"


def format_datetime(value: datetime) -> str:
    """Write a moment as RFC 3339 in UTC, ending in Z."""
    text = value.isoformat()
    if not text.endswith(_UTC_OFFSET):
        text = value.astimezone(UTC).isoformat()
    return text.removesuffix(_UTC_OFFSET) + "Z"


def parse_datetime(value: Any) -> datetime:
    """Read an RFC 3339 date-time as a moment in UTC. One without an offset is refused: it would be a guess."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise BadUserInput(
            f"expected an RFC 3339 date-time with an offset, as in '2030-01-31T09:30:00Z', got: {_shown(value)}"
        )
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadUserInput(f"expected a date-time that exists, got: {_shown(value)} ({error})") from None


def parse_uuid(value: Any) -> UUID:
    """Read a UUID in its usual form with hyphens."""
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise BadUserInput(f"expected a UUID, as in '01890c5e-6a1b-7c3d-8e4f-a0b1c2d3e4f5', got: {_shown(value)}")
    return UUID(value)


def _parse_date(value: Any) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise BadUserInput(f"expected a date, as in '2030-01-31', got: {_shown(value)}")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadUserInput(f"expected a date that exists, got: {_shown(value)} ({error})") from None


def _parse_time(value: Any) -> time:
    try:
        return time.fromisoformat(value)
    except (ValueError, TypeError):
        raise BadUserInput(f"expected a time of day, as in '09:30:00', got: {_shown(value)}") from None


def _parse_big_int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    raise BadUserInput(f"expected a whole number, as in '9007199254740993', got: {_shown(value)}")


def _parse_decimal(value: Any) -> Decimal:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise BadUserInput(f"expected a decimal number, as in '12.50', got: {_shown(value)}")


def _parse_decimal_literal(node: ValueNode, _variables: dict[str, Any] | None = None) -> Decimal:
    # From the text of the document, so that 0.1 does not pass through a binary float.
    if isinstance(node, IntValueNode | FloatValueNode | StringValueNode):
        return _parse_decimal(node.value)
    raise BadUserInput("expected a decimal number, as in '12.50'")


def _parse_json_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
    return _without_undefined(value_from_ast_untyped(node, variables))


def _without_undefined(value: Any) -> Any:
    """What a variable that was left out leaves: no member in an object, null in a list."""
    if isinstance(value, dict):
        return {name: _without_undefined(member) for name, member in value.items() if member is not Undefined}
    if isinstance(value, list):
        return [None if element is Undefined else _without_undefined(element) for element in value]
    return value


def _parse_event_cursor(value: Any) -> str:
    if not isinstance(value, str):
        raise BadUserInput(f"expected a cursor that this server handed out, got: {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - a line of a terminal


def _same(value: Any) -> Any:
    return value


def _scalar(  # noqa: PLR0913 - the parts of a scalar
    name: str,
    description: str,
    parse: Callable[[Any], Any],
    write: Callable[[Any], Any],
    *,
    literal: Callable[..., Any] | None = None,
    url: str | None = None,
) -> ScalarDefinition:
    return strawberry.scalar(
        name=name,
        description=description,
        parse_value=parse,
        serialize=write,
        parse_literal=literal,
        specified_by_url=url,
    )


SCALARS: dict[object, ScalarDefinition] = {
    datetime: _scalar(
        "DateTime",
        "RFC 3339 with an offset; without one it is refused. Answers are UTC, ending in Z.",
        parse_datetime,
        format_datetime,
        url="https://www.rfc-editor.org/rfc/rfc3339",
    ),
    JSON: _scalar("JSON", "Any JSON value.", _same, _same, literal=_parse_json_literal),
    BigInt: _scalar("BigInt", "A whole number of any size, as a string in answers.", _parse_big_int, str),
    Decimal: _scalar(
        "Decimal",
        "A decimal number, exact, as a string in answers.",
        _parse_decimal,
        str,
        literal=_parse_decimal_literal,
    ),
    UUID: _scalar("UUID", "A UUID with hyphens.", parse_uuid, str),
    date: _scalar("Date", "A day, as in `2030-01-31`.", _parse_date, date.isoformat),
    time: _scalar("Time", "A time of day, as in `09:30:00`.", _parse_time, time.isoformat),
    EventCursor: _scalar(
        "EventCursor",
        "A position in the event log. Opaque: hand it back as `after`, never take it apart.",
        _parse_event_cursor,
        _same,
    ),
}
"""By the Python type that stands for each in annotations."""
