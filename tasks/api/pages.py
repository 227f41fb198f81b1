"""Pages of tasks by keyset: a page costs the same wherever it lies in its list, and rows that come or go shift none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from django.db.models import Q, QuerySet

from tasks import database
from tasks.api.cursors import Place, parse_list_cursor, write_list_cursor
from tasks.api.filters import Selection
from tasks.api.types.enums import TaskOrder
from tasks.errors import BadUserInput
from tasks.models import Task
from tasks.models.snapshots import TaskSnapshot, snapshots

DEFAULT_PAGE = 20
MAX_PAGE = 100
MAX_COUNT = 10_000


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which stretch of which list: `count` rows behind `after` and ahead of `before`, from that side's end."""

    selection: Selection
    order: TaskOrder
    count: int
    from_end: bool
    after: Place | None
    before: Place | None

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 - Relay's arguments, as they come
        cls,
        selection: Selection,
        order: TaskOrder,
        first: int | None,
        after: str | None,
        last: int | None,
        before: str | None,
    ) -> Self:
        """Check what a client asks for. Raises `BadUserInput` and `InvalidCursor`."""
        if first is not None and last is not None:
            raise BadUserInput("expected first or last, got both")
        for name, count in (("first", first), ("last", last)):
            if count is not None and not 0 <= count <= MAX_PAGE:
                raise BadUserInput(f"expected {name} to be 0 to {MAX_PAGE}, got: {count}")
        count = next((count for count in (first, last) if count is not None), DEFAULT_PAGE)
        return cls(
            selection,
            order,
            count,
            last is not None,
            parse_list_cursor(order, after) if after is not None else None,
            parse_list_cursor(order, before) if before is not None else None,
        )


@dataclass(slots=True, eq=False)
class TaskPage:
    """One page, and what lies around it."""

    selection: Selection
    order: TaskOrder
    tasks: Sequence[TaskSnapshot]
    has_next: bool
    has_previous: bool
    event_id: int
    """The event log's mark from before the page was read; 0 where nobody asked for it."""

    def cursor_of(self, task: TaskSnapshot) -> str:
        """Write the cursor of a task of this page."""
        return write_list_cursor(self.order, _place(self.order, task))


async def read_page(request: PageRequest, event_id: int) -> TaskPage:
    """Read one page in one query; `event_id` is the log's mark, taken before."""
    # One more than asked for tells whether there are more.
    rows = [] if request.selection.is_empty else await database.read(_rows, request)
    more = len(rows) > request.count
    rows = rows[: request.count]
    if request.from_end:
        rows.reverse()
    return TaskPage(
        request.selection,
        request.order,
        rows,
        has_next=request.before is not None if request.from_end else more,
        has_previous=more if request.from_end else request.after is not None,
        event_id=event_id,
    )


async def count_up_to(selection: Selection, limit: int) -> int:
    """Count the tasks of a selection, no further than `limit`. Raises `BadUserInput`."""
    if not 0 <= limit <= MAX_COUNT:
        raise BadUserInput(f"expected limit to be 0 to {MAX_COUNT}, got: {limit}")
    if limit == 0 or selection.is_empty:
        return 0
    return await database.read(_count, selection, limit)


def _count(selection: Selection, limit: int) -> int:
    return _selected(selection)[:limit].count()


def _rows(request: PageRequest) -> list[TaskSnapshot]:
    tasks = _selected(request.selection)
    if request.after is not None:
        tasks = tasks.filter(_beyond(request.order, request.after, ahead=False))
    if request.before is not None:
        tasks = tasks.filter(_beyond(request.order, request.before, ahead=True))
    return snapshots(tasks.order_by(*_columns(request.order, backwards=request.from_end))[: request.count + 1])


def _selected(selection: Selection) -> QuerySet[Task]:
    return Task.objects.filter(selection.as_condition())


def _columns(order: TaskOrder, *, backwards: bool) -> tuple[str, ...]:
    descending = (order is not TaskOrder.OLDEST_FIRST) is not backwards
    names = ("updated_at", "id") if order is TaskOrder.RECENTLY_UPDATED else ("id",)
    return tuple(f"-{name}" if descending else name for name in names)


def _beyond(order: TaskOrder, place: Place, *, ahead: bool) -> Q:
    """Return the condition on rows that come behind `place` in that order, or `ahead` of it."""
    word = "gt" if (order is TaskOrder.OLDEST_FIRST) is not ahead else "lt"
    by_id = Q(**{f"id__{word}": place.id})
    if place.updated_at is None:
        return by_id
    # The first half alone would do; the second lets the index find the start.
    exact = Q(**{f"updated_at__{word}": place.updated_at}) | Q(updated_at=place.updated_at) & by_id
    return exact & Q(**{f"updated_at__{word}e": place.updated_at})


def _place(order: TaskOrder, task: TaskSnapshot) -> Place:
    return Place(task.id, task.updated_at if order is TaskOrder.RECENTLY_UPDATED else None)
