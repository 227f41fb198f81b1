"""The words of a stream of server-sent events, in the distinct connections mode of GraphQL over SSE. Pure.

The rules are those of PROTOCOL.md in the graphql-sse repository, over the event streams of the HTML standard.
"""

from typing import Any, Final

from tasks.api.cursors import write_event_cursor

COMPLETE: Final = b"event: complete\ndata:\n\n"
"""The end of an operation. A browser drops an event without a data line, so it has one, of nothing."""
HEARTBEAT: Final = b":\n\n"
"""A comment: nothing to a client, and a sign of life to whatever is on the way."""

STREAM_HEADERS: Final = ((b"cache-control", b"no-store, no-transform"), (b"x-accel-buffering", b"no"))
"""No proxy may keep, compress or hold back what is being told."""


def next_event(payload: bytes, event_id: str | None = None) -> bytes:
    """Write one execution result, which is JSON and so has no line break; an `id:` is what Last-Event-ID will be."""
    if event_id is None:
        return b"event: next\ndata: %b\n\n" % payload
    return b"id: %b\nevent: next\ndata: %b\n\n" % (event_id.encode("ascii"), payload)


def whole(payload: bytes) -> bytes:
    """Write the stream of an operation that has one result."""
    return next_event(payload) + COMPLETE


def event_id_of(frame: Any) -> str | None:
    """Return the cursor to resume from after a frame, whether or not the document asks for it; None: it has none."""
    epoch = getattr(frame, "epoch", None)
    return None if epoch is None else write_event_cursor(epoch, frame.cursor_id)
