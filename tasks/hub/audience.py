"""Who wants to be told of which events: by task, by owner, or of all."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Protocol
from uuid import UUID

from tasks.hub.frames import Frame, Released
from tasks.models import Event

logger = logging.getLogger(__name__)


class Watcher(Protocol):
    """Somebody who wants events. Called on the event loop; may leave the audience while it is called."""

    def on_event(self, released: Released) -> None:
        """Take one event: each once, in order per task, from the moment of joining."""

    def on_lost(self) -> None:
        """Events that were due are gone from the log, or their task is."""

    def on_new_epoch(self) -> None:
        """The log is another one from now on."""

    def on_fault(self, error: Exception) -> None:
        """One of the calls above raised this, or the hub stops: there will be no more."""


class FeedWatcher(Watcher, Protocol):
    """Somebody who wants the events of all tasks of some owners."""

    def on_quiet(self, position: Frame) -> None:
        """Some time has passed. `position` is where a feed may resume from now."""


class Audience:
    """All watchers of one process. An event that nobody wants costs two or three dict lookups."""

    __slots__ = ("_by_owner", "_by_task", "_of_all")

    def __init__(self) -> None:
        self._by_task: dict[UUID, dict[Watcher, None]] = {}
        self._by_owner: dict[UUID | None, dict[FeedWatcher, None]] = {}
        self._of_all: dict[FeedWatcher, None] = {}

    def watch_task(self, task_id: UUID, watcher: Watcher) -> None:
        """Tell `watcher` of one task's events, which need not exist yet."""
        self._by_task.setdefault(task_id, {})[watcher] = None

    def leave_task(self, task_id: UUID, watcher: Watcher) -> None:
        """End `watch_task`; no matter if it has ended."""
        _leave(self._by_task, task_id, watcher)

    def watch_feed(self, owners: Iterable[UUID] | None, watcher: FeedWatcher) -> None:
        """Tell `watcher` of the events of these owners' tasks; None: of everybody's."""
        if owners is None:
            self._of_all[watcher] = None
            return
        for owner in owners:
            self._by_owner.setdefault(owner, {})[watcher] = None

    def leave_feed(self, owners: Iterable[UUID] | None, watcher: FeedWatcher) -> None:
        """End `watch_feed`; no matter if it has ended."""
        if owners is None:
            self._of_all.pop(watcher, None)
            return
        for owner in owners:
            _leave(self._by_owner, owner, watcher)

    def wants(self, event: Event) -> bool:
        """True where somebody is to be told."""
        return self.wants_of(event.task_id, event.owner_id)

    def wants_of(self, task_id: UUID, owner_id: UUID | None) -> bool:
        """True where somebody is to be told of this owner's task."""
        return bool(task_id in self._by_task or self._of_all or owner_id in self._by_owner)

    def may_want(self, task_id: UUID) -> bool:
        """True where somebody may want an event of this task, whoever owns it."""
        return bool(task_id in self._by_task or self._of_all or self._by_owner)

    def is_alone(self, task_id: UUID, owner_id: UUID | None, watcher: Watcher) -> bool:
        """True where nobody but `watcher` wants this task's events."""
        if self._of_all or owner_id in self._by_owner:
            return False
        return set(self._by_task.get(task_id, ())) <= {watcher}

    def tell(self, released: Released) -> None:
        """Hand an event to everybody who wants it. One who fails is told so, and spoils nothing for the others."""
        event = released.event
        if watchers := self._by_task.get(event.task_id):
            _tell(watchers, released)
        if feeds := self._by_owner.get(event.owner_id):
            _tell(feeds, released)
        if self._of_all:
            _tell(self._of_all, released)

    def lost(self, task_id: UUID, owner_id: UUID | None) -> None:
        """Tell those who want this task that some of its events can't be had any more."""
        groups = (self._by_task.get(task_id, ()), self._by_owner.get(owner_id, ()), self._of_all)
        for watcher in [watcher for group in groups for watcher in group]:
            watcher.on_lost()

    def feeds(self) -> Iterator[FeedWatcher]:
        """All feeds, each once."""
        return iter({feed: None for group in [*self._by_owner.values(), self._of_all] for feed in group})

    def everybody(self) -> Iterator[Watcher]:
        """All watchers, each once."""
        everybody: dict[Watcher, None] = {watcher: None for group in self._by_task.values() for watcher in group}
        return iter([*everybody, *self.feeds()])


def _tell(watchers: Iterable[Watcher], released: Released) -> None:
    for watcher in list(watchers):
        try:
            watcher.on_event(released)
        except Exception as error:
            logger.exception("a subscription could not take an event", extra={"event_id": released.event.id})
            watcher.on_fault(error)


def _leave(groups: dict[Any, dict[Any, None]], key: UUID, watcher: Watcher) -> None:
    group = groups.get(key)
    if group is not None:
        group.pop(watcher, None)
        if not group:
            del groups[key]
