"""Lists in pages: events of a task, and tasks."""

from dataclasses import dataclass
from uuid import UUID

import strawberry

from tasks.api.cursors import cursor_at, parse_event_cursor, write_event_cursor
from tasks.api.loaders import Loaders
from tasks.api.types.events import TaskEvent
from tasks.api.types.fields import derived
from tasks.api.types.scalars import EventCursor
from tasks.errors import BadUserInput, InvalidCursor
from tasks.hub import current_hub
from tasks.models import Event

DEFAULT_EVENTS = 100
MAX_EVENTS = 1_000


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """Relay's own."""

    has_next_page: bool = strawberry.field(description="More follow.")
    has_previous_page: bool = strawberry.field(description="More came before.")
    start_cursor: str | None = strawberry.field(description="Of the first edge; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="Of the last edge; null on an empty page.")


@strawberry.type(description="One event in a page.")
class TaskEventEdge:
    """Its source is the event itself."""

    node: TaskEvent = derived(lambda event: event, "The event.")
    cursor: EventCursor = derived(lambda event: cursor_at(event.id), "Its position.")


@dataclass(slots=True, eq=False)
class EventsPage:
    """Stored events of one task, and what lies around them."""

    events: list[Event]
    has_next: bool
    after: str | None


def _events_page_info(page: EventsPage) -> PageInfo:
    start, end = (_cursor_of(page.events[0]), _cursor_of(page.events[-1])) if page.events else (None, None)
    return PageInfo(
        has_next_page=page.has_next, has_previous_page=page.after is not None, start_cursor=start, end_cursor=end
    )


def _events_end(page: EventsPage) -> str | None:
    return _cursor_of(page.events[-1]) if page.events else page.after


def _cursor_of(event: Event) -> str:
    return write_event_cursor(current_hub().epoch, event.id)


@strawberry.type(description="A page of a task's history.")
class TaskEventConnection:
    """Its source is an `EventsPage`."""

    edges: list[TaskEventEdge] = derived(lambda page: page.events, "The events with their cursors.")
    nodes: list[TaskEvent] = derived(lambda page: page.events, "The events.")
    page_info: PageInfo = derived(_events_page_info, "Where the page lies.")
    end_cursor: EventCursor | None = derived(
        _events_end, "Of the last event, or `after` again where nothing has come since: the `after` of the next page."
    )


async def events_page(loaders: Loaders, task_id: UUID, first: int | None, after: str | None) -> EventsPage:
    """Read a page of a task's events. Raises `BadUserInput` and `InvalidCursor`."""
    count = DEFAULT_EVENTS if first is None else first
    if not 0 <= count <= MAX_EVENTS:
        raise BadUserInput(f"expected first to be 0 to {MAX_EVENTS}, got: {count}")
    after = after if isinstance(after, str) else None
    await current_hub().ready()
    events = await loaders.events.load((task_id, _position(after), count + 1))
    return EventsPage(events[:count], len(events) > count, after)


def _position(after: str | None) -> int:
    if after is None:
        return 0
    cursor = parse_event_cursor(after)
    if cursor.epoch != current_hub().epoch:
        raise InvalidCursor(
            f"expected a cursor of this database's present life, got one from before a restore: {after!r}"
        )
    return cursor.id
