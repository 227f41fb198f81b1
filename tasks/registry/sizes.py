"""How large a value is, told before anything is done with it."""

from typing import Any, NamedTuple


class Size(NamedTuple):
    """What a value holds."""

    values: int
    """Itself and all that is in it, however deep; keys are not values."""
    bytes: int
    """What it takes as JSON at the least, give or take a comma."""


def size_of(value: Any, max_values: int, max_bytes: int) -> Size:
    """Measure a value as a JSON parser makes it. Stops soon after it is over one of the bounds, however deep it is."""
    values = size = 0
    stack = [value]
    while stack:
        value = stack.pop()
        values += 1
        size += 1
        kind = type(value)
        if kind is str:
            size += 2 + (len(value) if value.isascii() else _bytes(value))
        elif kind is dict:
            for key in value:
                size += 3 + (len(key) if key.isascii() else _bytes(key))
            stack += value.values()
        elif kind is list:
            stack += value
        elif kind is int:
            size += value.bit_length() // 4
        if size > max_bytes or values + len(stack) > max_values:
            return Size(values + len(stack), size)
    return Size(values, size)


def _bytes(text: str) -> int:
    """Count the bytes of a string in UTF-8, lone surrogates too."""
    return len(text.encode("utf-8", "surrogatepass"))
