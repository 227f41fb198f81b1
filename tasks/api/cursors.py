"""Cursors as clients hold them: opaque text, checked when it comes back."""

import base64
import binascii
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from tasks.api.types.enums import TaskOrder
from tasks.errors import InvalidCursor
from tasks.hub import Cursor, Hub, current_hub

_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UUID_BYTES = 16
_NUMBER_BYTES = 8
_MAX_ID = 2**63 - 1


def write_event_cursor(epoch: UUID, event_id: int) -> str:
    """Write a position in the event log."""
    return f"{_epoch_text(epoch)}{event_id:x}"


@lru_cache(maxsize=8)
def _epoch_text(epoch: UUID) -> str:
    return _encode(epoch.bytes) + "."


def cursor_at(event_id: int) -> str | Awaitable[str]:
    """Write a position in the log as this server's hub knows the log; where it does not yet, that has to be awaited."""
    hub = current_hub()
    if hub.is_ready:
        return write_event_cursor(hub.epoch, event_id)
    return _cursor_later(hub, event_id)


async def _cursor_later(hub: Hub, event_id: int) -> str:
    await hub.ready()
    return write_event_cursor(hub.epoch, event_id)


def parse_event_cursor(text: str) -> Cursor:
    """Read a position in the event log. Raises `InvalidCursor`."""
    head, dot, tail = text.partition(".")
    try:
        epoch = UUID(bytes=_decode(head))
        position = int(tail, 16)
    except (ValueError, binascii.Error):
        raise _unknown(text) from None
    if not dot or not 0 <= position <= _MAX_ID or write_event_cursor(epoch, position) != text:
        raise _unknown(text)
    return Cursor(epoch, position)


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place in a list of tasks: what the order compares."""

    id: UUID
    updated_at: datetime | None = None
    """Where the order is RECENTLY_UPDATED."""


_ORDER_LETTERS = {TaskOrder.NEWEST_FIRST: "n", TaskOrder.OLDEST_FIRST: "o", TaskOrder.RECENTLY_UPDATED: "u"}


def write_list_cursor(order: TaskOrder, place: Place) -> str:
    """Write a place in a list of tasks in that order."""
    packed = place.id.bytes
    if place.updated_at is not None:
        microseconds = (place.updated_at - _EPOCH_START) // _MICROSECOND
        packed += microseconds.to_bytes(_NUMBER_BYTES, "big", signed=True)
    return _ORDER_LETTERS[order] + _encode(packed)


def parse_list_cursor(order: TaskOrder, text: str) -> Place:
    """Read a place in a list of tasks. Raises `InvalidCursor`, for one from a list in another order too."""
    try:
        place = _unpack(order, _decode(text[1:]))
    except (ValueError, OverflowError, binascii.Error):
        raise _unknown(text) from None
    if write_list_cursor(order, place) != text:
        raise _unknown(text)
    return place


def _encode(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _unpack(order: TaskOrder, packed: bytes) -> Place:
    task_id = UUID(bytes=packed[:_UUID_BYTES])
    if order is not TaskOrder.RECENTLY_UPDATED:
        return Place(task_id)
    microseconds = int.from_bytes(packed[_UUID_BYTES:], "big", signed=True)
    return Place(task_id, _EPOCH_START + microseconds * _MICROSECOND)


def _unknown(text: str) -> InvalidCursor:
    return InvalidCursor(f"expected a cursor that this server handed out for this very list, got: {text[:80]!r}")
