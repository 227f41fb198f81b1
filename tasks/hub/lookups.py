"""Reading from the log and the task table what live delivery lacks and what a subscription replays.

All functions are synchronous and run on the pool of `tasks.database`; every query is backed by an index.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q

from tasks.hub import pages
from tasks.hub.pages import Place
from tasks.hub.position import log_position
from tasks.hub.wanted import Found, VersionSpan, Wanted, by_task
from tasks.models import Event, Task
from tasks.models.snapshots import TaskSnapshot, snapshot, snapshots

PAGE = 200
_SPANS_AT_ONCE = 100


def find(wanted: Wanted) -> Found:
    """Read what live delivery lacks."""
    # The events first: a task that is pruned in between is then missing, and not its events.
    events = by_task(_versions(wanted.versions))
    by_id = list(Event.objects.filter(id__in=wanted.ids).order_by("id")) if wanted.ids else []
    return Found(tasks_by_id(wanted.tasks), events, by_id)


def tasks_by_id(task_ids: Collection[UUID]) -> dict[UUID, TaskSnapshot]:
    """Read tasks as they stand; those that are gone are missing."""
    return {task.id: task for task in snapshots(Task.objects.filter(id__in=task_ids))} if task_ids else {}


# ---- one task -------------------------------------------------------------------------------------------------------


def version_at(task: TaskSnapshot, event_id: int) -> int | None:
    """The version up to which a cursor has seen a task; None where that can't be proved, since events are gone."""
    exact = Event.objects.filter(id=event_id, task_id=task.id).values_list("version", flat=True).first()
    if exact is not None:
        return exact
    if task.event_id and task.event_id <= event_id:
        return task.version
    events = Event.objects.filter(task_id=task.id)
    first = events.filter(id__gt=event_id).order_by("version").values_list("version", flat=True).first()
    if first is None:
        return None
    is_whole = first == 1 or events.filter(version=first - 1).exists()
    return first - 1 if is_whole else None


def task_page(task_id: UUID, version: int) -> tuple[TaskSnapshot | None, list[Event]]:
    """Read a task as it stands, None where it is gone, then its next events after a version, a page of them.

    In this order: an event up to the task's version that is missing then was pruned.
    """
    task = snapshot(task_id)
    later = Event.objects.filter(task_id=task_id, version__gt=version).order_by("version")
    return task, pages.read(pages.fitting(pages.places(later, PAGE)))


# ---- a feed ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class FeedPage:
    """The next events of a feed."""

    events: list[Event]
    tasks: dict[UUID, TaskSnapshot]
    """Of these events; those that are gone are missing."""
    is_last: bool
    """There were no more events to read."""
    pruned_through: int
    """As it was after the events were read."""
    is_too_far: bool
    """There are more events ahead than a feed is replayed."""


def feed_page(owners: frozenset[UUID] | None, after: int, at_most: int | None) -> FeedPage:
    """Read the next events after an id, of the tasks of `owners` (None: of all). `at_most` bounds what lies ahead."""
    is_too_far = at_most is not None and _count(owners, after, at_most + 1) > at_most
    found = [] if is_too_far else _after(owners, after)
    page = pages.fitting(pages.with_tasks(pages.fitting(found)))
    events = pages.read(page)
    tasks = tasks_by_id({event.task_id for event in events})
    is_last = len(page) == len(found) < PAGE
    position = log_position()
    return FeedPage(events, tasks, is_last, position.pruned_through if position is not None else 0, is_too_far)


def befores(pairs: Iterable[tuple[UUID, int]]) -> dict[UUID, dict[int, Event]]:
    """Read single versions of tasks."""
    return by_task(_versions([(task_id, version, version) for task_id, version in pairs]))


def _after(owners: frozenset[UUID] | None, after: int) -> list[Place]:
    later = Event.objects.filter(id__gt=after).order_by("id")
    if owners is None:
        return pages.places(later, PAGE)
    # One indexed query for each: a condition on several owners would sort all that they have.
    found = [place for owner in owners for place in pages.places(later.filter(owner_id=owner), PAGE)]
    return sorted(found)[:PAGE]


def _count(owners: frozenset[UUID] | None, after: int, limit: int) -> int:
    later = Event.objects.filter(id__gt=after).order_by()
    if owners is None:
        return later[:limit].count()
    counted = 0
    for owner in owners:
        counted += later.filter(owner_id=owner)[: limit - counted].count()
        if counted >= limit:
            break
    return counted


def _versions(spans: Sequence[VersionSpan]) -> list[Event]:
    events: list[Event] = []
    for start in range(0, len(spans), _SPANS_AT_ONCE):
        some = spans[start : start + _SPANS_AT_ONCE]
        condition = reduce(or_, (Q(task_id=task_id, version__range=(first, last)) for task_id, first, last in some))
        events += Event.objects.filter(condition)
    return events
