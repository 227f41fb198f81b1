"""What is wrong with a value, in words for whoever sent it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from tasks.errors import TaskfeedError

MAX_FAULTS = 100
"""How many faults of one value are told; a last one says how many more there are."""
_MAX_SHOWN = 60
_FAULTS_IN_A_MESSAGE = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one value."""

    path: tuple[str | int, ...]
    """From the arguments down, in GraphQL names, list positions as numbers."""
    message: str
    """What was expected, and what came."""


class ArgumentsInvalid(TaskfeedError):
    """Arguments that break a rule of their task type; `faults` has all of them, at least one."""

    code: ClassVar[str] = "INVALID_ARGUMENTS"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(summary(faults))
        self.faults = faults


class ResultInvalid(TaskfeedError):
    """A result that does not fit what its handler declares."""

    code: ClassVar[str] = "INVALID_RESULT"


def refuse(reason: str) -> NoReturn:
    """End the validation of one value, from inside a Pydantic validator of ours."""
    # The reason is no template of Pydantic's: what a client sent may have braces in it.
    raise PydanticCustomError("refused", "{reason}", {"reason": reason})


def expected(what: str, value: Any) -> str:
    """Say it as in `expected a number, got 'x'`."""
    return f"expected {what}, got {shown(value)}"


def shown(value: Any) -> str:
    """Return a value's repr, cut to a line's worth."""
    if isinstance(value, str | bytes | list):
        # Not the whole of ten megabytes only to cut it off again.
        value = value[:_MAX_SHOWN]
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**_MAX_SHOWN else "a number of many digits"
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def summary(faults: list[Fault]) -> str:
    """Return the first faults on one line, for messages that have no room for a list."""
    told = "; ".join(
        f"{'.'.join(map(str, fault.path))}: {fault.message}" if fault.path else fault.message
        for fault in faults[:_FAULTS_IN_A_MESSAGE]
    )
    more = len(faults) - _FAULTS_IN_A_MESSAGE
    return f"{told}; and {more} more" if more > 0 else told


def faults_of(error: ValidationError) -> list[Fault]:
    """Put Pydantic's findings into our words."""
    details = error.errors(include_url=False)
    faults = [Fault(tuple(map(_path_element, detail["loc"])), _message(detail)) for detail in details[:MAX_FAULTS]]
    if len(details) > MAX_FAULTS:
        faults.append(Fault((), f"and {len(details) - MAX_FAULTS} more faults"))
    return faults


def _path_element(element: str | int) -> str | int:
    if isinstance(element, int):
        return element
    clean = printable(element)
    return clean if len(clean) <= _MAX_SHOWN else f"{clean[:_MAX_SHOWN]}…"


def printable(name: str) -> str:
    """Return a key that came from outside as something that every answer can carry."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


_EXPECTED_TYPES: Mapping[str, str] = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a string",
    "string_unicode": "a string of Unicode characters",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "date_type": "a date",
    "time_type": "a time of day",
    "datetime_type": "a date and time",
}
_EXPECTED_BOUNDS: Mapping[str, str] = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_pattern_mismatch": "a match of {pattern}",
    "decimal_max_digits": "at most {max_digits} digits",
    "decimal_max_places": "at most {decimal_places} decimal places",
    "decimal_whole_digits": "at most {whole_digits} digits before the decimal point",
    "is_instance_of": "a {class}",
}
_EXPECTED_LENGTHS: Mapping[str, str] = {
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
}
_PLAIN: Mapping[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "is required",
    "extra_forbidden": lambda _: "is not a known field",
    "value_error": lambda detail: str(detail["ctx"]["error"]) or "is refused",
    "assertion_error": lambda detail: str(detail["ctx"]["error"]) or "is refused",
}


def _message(detail: ErrorDetails) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind](detail)
    if kind in _EXPECTED_TYPES:
        return expected(_EXPECTED_TYPES[kind], value)
    if kind in _EXPECTED_BOUNDS:
        return expected(_EXPECTED_BOUNDS[kind].format_map(context), value)
    if kind in _EXPECTED_LENGTHS:
        return f"expected {_EXPECTED_LENGTHS[kind].format_map(context)}, got {len(value)}"
    return detail["msg"]
