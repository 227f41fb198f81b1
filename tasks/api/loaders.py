"""Edges of tasks, read for all tasks of a list at once: one query an edge, however long the list."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import F, Window
from django.db.models.functions import RowNumber
from strawberry.dataloader import DataLoader

from tasks import database
from tasks.api.viewer import Viewer
from tasks.models import Attempt, Event, User
from tasks.models.snapshots import TaskSnapshot, snapshots

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

EventsKey = tuple[UUID, int, int]
"""A task, the id of the event before the page, and how many events to read."""


class Loaders:
    """The data loaders of one execution, each made when it is first used. They remember: never keep one for longer."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer

    @cached_property
    def users(self) -> DataLoader[UUID, User | None]:
        """Users by id."""
        return _loader(_users)

    @cached_property
    def tasks(self) -> DataLoader[UUID, TaskSnapshot | None]:
        """Tasks by id; those that the viewer may not see are None."""
        return _loader(self._visible_tasks)

    @cached_property
    def attempts(self) -> DataLoader[UUID, list[Attempt]]:
        """The attempts of each task, the first one first."""
        return _loader(_attempts)

    @cached_property
    def tracebacks(self) -> DataLoader[tuple[UUID, int], str | None]:
        """By task and attempt: the traceback of the last failed attempt up to that one."""
        return _loader(_tracebacks)

    @cached_property
    def events(self) -> DataLoader[EventsKey, list[Event]]:
        """The stored events of each task after an id, in order, up to a number."""
        return _loader(_events)

    def _visible_tasks(self, ids: Sequence[UUID]) -> list[TaskSnapshot | None]:
        visible = self.viewer.visible_tasks().filter(id__in=ids)
        found = {task.id: task for task in snapshots(visible)}
        return [found.get(task_id) for task_id in ids]


def _loader(load: Callable[[Sequence[K]], list[V]]) -> DataLoader[K, V]:
    def load_all(keys: list[K]) -> Awaitable[list[V]]:
        return database.read(load, keys)

    return DataLoader(load_fn=load_all)


def _users(ids: Sequence[UUID]) -> list[User | None]:
    found = User.objects.in_bulk(ids)
    return [found.get(user_id) for user_id in ids]


def _attempts(task_ids: Sequence[UUID]) -> list[list[Attempt]]:
    attempts = Attempt.objects.filter(task_id__in=task_ids).order_by("task_id", "number")
    found = _grouped((attempt.task_id, attempt) for attempt in attempts)
    return [found[task_id] for task_id in task_ids]


def _tracebacks(keys: Sequence[tuple[UUID, int]]) -> list[str | None]:
    failed = Attempt.objects.filter(task_id__in={task_id for task_id, _ in keys}, failure__isnull=False)
    rows = failed.order_by("-number").values_list("task_id", "number", "failure")
    found = _grouped((task_id, (number, failure)) for task_id, number, failure in rows)
    return [
        next((failure.get("traceback") for number, failure in found[task_id] if number <= attempt), None)
        for task_id, attempt in keys
    ]


def _events(keys: Sequence[EventsKey]) -> list[list[Event]]:
    pages: dict[tuple[int, int], list[UUID]] = defaultdict(list)
    for task_id, after, count in keys:
        pages[after, count].append(task_id)
    found: dict[EventsKey, list[Event]] = defaultdict(list)
    for (after, count), task_ids in pages.items():
        for event in _events_page(task_ids, after, count):
            found[event.task_id, after, count].append(event)
    return [found[key] for key in keys]


def _events_page(task_ids: Sequence[UUID], after: int, count: int) -> Iterable[Event]:
    events = Event.objects.filter(task_id__in=task_ids, id__gt=after).order_by("version")
    if len(task_ids) == 1:
        return events[:count]
    place = Window(RowNumber(), partition_by=F("task_id"), order_by=F("version").asc())
    return events.annotate(place=place).filter(place__lte=count)


def _grouped(pairs: Iterable[tuple[UUID, Any]]) -> dict[UUID, list[Any]]:
    groups: dict[UUID, list[Any]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups
