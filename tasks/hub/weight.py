"""About how much memory JSON values take, for bounds that rows alone don't give. Pure."""

from sys import getsizeof

from tasks.models import Event

EVENT_BYTES = 1_000
"""About what an event without body, result and failure takes."""


def weight_of(value: object) -> int:
    """About how many bytes a JSON value takes."""
    if isinstance(value, str):
        return getsizeof(value)
    if isinstance(value, dict):
        return 64 + sum(100 + weight_of(item) for item in value.values())
    if isinstance(value, list):
        return 56 + sum(8 + weight_of(item) for item in value)
    return 28


def weight_of_event(event: Event) -> int:
    """About how many bytes an event takes."""
    return EVENT_BYTES + weight_of(event.body) + weight_of(event.result) + weight_of(event.failure)
