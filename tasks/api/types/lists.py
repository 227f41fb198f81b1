"""Lists of tasks, in pages."""

from dataclasses import dataclass
from typing import Any

import strawberry

from tasks.api.cursors import cursor_at
from tasks.api.pages import TaskPage, count_up_to
from tasks.api.types.connections import PageInfo
from tasks.api.types.fields import derived, resolved
from tasks.api.types.scalars import EventCursor
from tasks.api.types.tasks import Task
from tasks.models.snapshots import TaskSnapshot


@dataclass(slots=True, eq=False)
class PlacedTask:
    """A task and the page it stands on."""

    node: TaskSnapshot
    page: TaskPage


@strawberry.type(description="One task in a page.")
class TaskEdge:
    """Its source is a `PlacedTask`."""

    node: Task = strawberry.field(description="The task.")
    cursor: str = derived(
        lambda edge: edge.page.cursor_of(edge.node), "Its place in this list; good for this order alone."
    )


def _page_info(page: TaskPage) -> PageInfo:
    start, end = (page.cursor_of(page.tasks[0]), page.cursor_of(page.tasks[-1])) if page.tasks else (None, None)
    return PageInfo(
        has_next_page=page.has_next, has_previous_page=page.has_previous, start_cursor=start, end_cursor=end
    )


@strawberry.type(description="A page of tasks.")
class TaskConnection:
    """Its source is a `TaskPage`."""

    edges: list[TaskEdge] = derived(
        lambda page: [PlacedTask(task, page) for task in page.tasks], "The tasks with their cursors."
    )
    nodes: list[Task] = derived(lambda page: page.tasks, "The tasks.")
    page_info: PageInfo = derived(_page_info, "Where the page lies.")
    event_cursor: EventCursor = derived(
        lambda page: cursor_at(page.event_id),
        "The log's position from before this page was read: `tasksUpdated(after:)` goes on from here, nothing missed.",
    )

    @resolved("How many match, counting no further than `limit` (at most 10,000).")
    async def count_up_to(self: Any, limit: int = 1_000) -> int:
        """Count only where it is asked for."""
        return await count_up_to(self.selection, limit)
