"""How large a value is, told before anything is done with it."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Size(NamedTuple):
    """What a value holds."""

    values: int
    """Itself and all that is in it, however deep; keys are not values."""
    bytes: int
    """At most what it takes as JSON."""


def size_of(value: Any, max_values: int, max_bytes: int) -> Size:
    """Measure a value. Stops soon after it is over one of the bounds, and doesn't mind how deep the value is."""
    values = size = 0
    stack = [value]
    while stack:
        value = stack.pop()
        values += 1
        size += 1
        if isinstance(value, str):
            size += _characters(value)
        elif isinstance(value, Mapping):
            for key in value:
                size += _characters(key) + 1
            stack += value.values()
        elif isinstance(value, list | tuple):
            stack += value
        elif isinstance(value, int):
            size += value.bit_length() // 4
        if size > max_bytes or values + len(stack) > max_values:
            return Size(values + len(stack), size)
    return Size(values, size)


def _characters(text: Any) -> int:
    """Count the bytes of a string in UTF-8 and its quotes. A key that is no string is refused elsewhere."""
    if not isinstance(text, str):
        return 2
    return 2 + (len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")))
