"""The scalars: how each is read from GraphQL or storage, checked, and written as JSON."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

from annotated_types import Ge, Le
from pydantic import AllowInfNan, Strict

from tasks.registry.faults import expected, refuse
from tasks.registry.shapes import ScalarName
from tasks.registry.storable import clean_json, clean_string

INT_MINIMUM, INT_MAXIMUM = -(2**31), 2**31 - 1
"""The range of GraphQL's Int."""

_BIG_INT_LIMIT = 10**4300  # Python itself turns no longer text into a number, nor back
_BIG_INT_TEXT = re.compile(r"-?[0-9]{1,4300}\Z")


class BigIntMarker:
    """Tells an int of any size from one of 32 bits. Write `BigInt`."""


BigInt = Annotated[int, BigIntMarker()]
"""Annotates a whole number that may need more than Int's 32 bits, up to 4,300 digits. It travels as a string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """How one scalar is handled."""

    python_type: Any
    """What handlers annotate, and get."""
    read: Callable[[Any], Any] | None = None
    """From what GraphQL or storage gives to the Python value. What it does not know it passes on, to be refused."""
    checks: tuple[Any, ...] = (Strict(),)
    """What Pydantic checks of the Python value before the author's own constraints."""
    clean: Callable[..., Any] | None = None
    """What is checked after them."""
    write: Callable[[Any], Any] | None = None
    """From the checked Python value to JSON; None: it is JSON already."""
    bounds: frozenset[str] = frozenset()
    """The constraints that make sense."""
    json_schema: Mapping[str, Any] | None = None
    """None: as Pydantic describes the Python type."""


def _read_text(parse: Callable[[str], Any], what: str) -> Callable[[Any], Any]:
    """Make a reader that parses strings and passes everything else on."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return parse(value)
        except (ValueError, InvalidOperation):
            refuse(expected(what, value))

    return read


_A_MOMENT = "a date and time with an offset, as in 2026-01-31T12:00:00Z"
_parse_datetime = _read_text(datetime.fromisoformat, _A_MOMENT)


def _read_datetime(value: Any) -> Any:
    moment = _parse_datetime(value)
    return _in_utc(moment) if isinstance(moment, datetime) else moment


def _write_datetime(moment: datetime) -> str:
    return _in_utc(moment).isoformat().removesuffix("+00:00") + "Z"


def _in_utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        refuse(f"expected {_A_MOMENT}, got {moment.isoformat()} without one")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        refuse(expected("a moment between the years 1 and 9999 in UTC", moment.isoformat()))


def _read_big_int(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not _BIG_INT_TEXT.match(value):
        refuse(expected("a whole number in decimal digits, at most 4,300 of them", value))
    return int(value)


def _clean_big_int(value: int) -> int:
    if abs(value) >= _BIG_INT_LIMIT:
        refuse("expected at most 4,300 digits")
    return value


_ORDER = frozenset({"ge", "gt", "le", "lt"})
_NUMBER = _ORDER | {"multiple_of"}
LENGTH_BOUNDS = frozenset({"min_length", "max_length"})
"""What can be said of the length of a string, a list or an object."""
_TEXT = LENGTH_BOUNDS | {"pattern", "strip_whitespace", "to_lower", "to_upper"}

SCALARS: Mapping[ScalarName, Scalar] = MappingProxyType(
    {
        "String": Scalar(python_type=str, clean=clean_string, bounds=_TEXT),
        "Int": Scalar(python_type=int, checks=(Strict(), Ge(INT_MINIMUM), Le(INT_MAXIMUM)), bounds=_NUMBER),
        "Float": Scalar(python_type=float, checks=(Strict(), AllowInfNan(allow_inf_nan=False)), bounds=_NUMBER),
        "Boolean": Scalar(python_type=bool),
        "BigInt": Scalar(
            python_type=int,
            read=_read_big_int,
            clean=_clean_big_int,
            write=str,
            bounds=_NUMBER,
            json_schema={"type": "string", "pattern": "^-?[0-9]+$"},
        ),
        "Decimal": Scalar(
            python_type=Decimal,
            read=_read_text(Decimal, "a decimal number"),
            write=str,
            bounds=_NUMBER | {"max_digits", "decimal_places"},
            json_schema={"type": "string", "format": "decimal"},
        ),
        "DateTime": Scalar(python_type=datetime, read=_read_datetime, write=_write_datetime, bounds=_ORDER),
        "Date": Scalar(
            python_type=date,
            read=_read_text(date.fromisoformat, "a date, as in 2026-01-31"),
            write=date.isoformat,
            bounds=_ORDER,
        ),
        "Time": Scalar(
            python_type=time,
            read=_read_text(time.fromisoformat, "a time of day, as in 12:00:00"),
            write=time.isoformat,
            bounds=_ORDER,
        ),
        "UUID": Scalar(python_type=UUID, read=_read_text(UUID, "a UUID"), write=str),
        "JSON": Scalar(python_type=dict[str, Any], clean=clean_json, bounds=LENGTH_BOUNDS),
    }
)
"""Every scalar that arguments and results may hold."""

SCALAR_OF_TYPE: Mapping[Any, ScalarName] = MappingProxyType(
    {scalar.python_type: name for name, scalar in SCALARS.items() if name != "BigInt"}
)
"""The scalar of an annotated Python type; of a marked int it is BigInt."""
