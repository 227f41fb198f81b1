"""What PostgreSQL and UTF-8 can hold: every string, and free JSON down to its keys, is checked against it."""

from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

from pydantic import ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from tasks.registry.faults import MAX_FAULTS, expected, printable, refuse

MAX_JSON_DEPTH = 100
"""How deep free JSON may be nested: beyond it, parsers down the line give up."""
STORED: Final = object()
"""The validation context of values from storage: what was checked before it went there is not checked again."""

_INT_LIMIT = 2**63
_Path = tuple[str | int, ...]


def clean_string(text: str) -> str:
    """Return the text as it is, or refuse it."""
    if fault := _fault_of_string(text):
        refuse(fault)
    return text


def clean_json(value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    """Return the object as it is, or refuse it with every fault and its path."""
    if info.context is STORED:
        # PostgreSQL writes 1e30 as a whole number: it may come back beyond the limit that it kept when it went.
        return value
    faults: list[InitErrorDetails] = []
    for path, message in faults_of_json(value, ()):
        reason = PydanticCustomError("refused", "{reason}", {"reason": message})
        faults.append({"type": reason, "loc": path, "input": None})
        if len(faults) > MAX_FAULTS:
            break
    if faults:
        raise ValidationError.from_exception_data("JSON", faults)
    return value


def _fault_of_string(text: str) -> str | None:
    if "\0" in text:
        return "the character U+0000 can't be stored: leave it out"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return f"the lone surrogate {text[error.start]!r} at position {error.start} is no character of Unicode"
    return None


def faults_of_json(value: Any, path: _Path = ()) -> Iterator[tuple[_Path, str]]:
    """Find everything in a JSON value, keys included, that can't be stored: the path to it and what is wrong."""
    if len(path) > MAX_JSON_DEPTH:
        yield path[:1], f"expected at most {MAX_JSON_DEPTH} levels"
    elif isinstance(value, dict):
        yield from _faults_of_members(value, path)
    elif isinstance(value, list):
        for position, element in enumerate(value):
            yield from faults_of_json(element, (*path, position))
    elif fault := _fault_of_leaf(value):
        yield path, fault


def _faults_of_members(members: dict[Any, Any], path: _Path) -> Iterator[tuple[_Path, str]]:
    for key, element in members.items():
        if not isinstance(key, str):
            yield path, expected("strings as keys", key)
        elif fault := _fault_of_string(key):
            yield (*path, printable(key)), f"its name: {fault}"
        else:
            yield from faults_of_json(element, (*path, key))


def _fault_of_leaf(value: Any) -> str | None:
    match value:
        case None | bool():
            return None
        case str():
            return _fault_of_string(value)
        case int():
            return None if -_INT_LIMIT <= value < _INT_LIMIT else expected("64 bits at most, or a string", value)
        case float():
            return None if isfinite(value) else expected("a finite number", value)
        case _:
            return expected("a JSON value", value)
