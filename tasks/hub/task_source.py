"""The source of `taskUpdated` and `runTask`."""

from collections.abc import Callable
from uuid import UUID

from tasks.errors import TaskNotFound
from tasks.hub import lookups
from tasks.hub.frames import Cursor, Frame, GapReason, Released, gap_frame, snapshot_frame
from tasks.hub.hub import Hub
from tasks.hub.source import EventSource, Kinds, Phase
from tasks.models import Event
from tasks.models.snapshots import TaskSnapshot, snapshot


class TaskSource(EventSource):
    """One task: a SNAPSHOT or, with `after`, every event since; then each event as it happens, once and in order.

    Ends once the task is final and everything stored has been told. Fails with `TaskNotFound` where there is no such
    task or `allowed` refuses it. `only` leaves out other kinds of event, and changes nothing else.
    """

    def __init__(
        self,
        hub: Hub,
        task_id: UUID,
        allowed: Callable[[TaskSnapshot], bool],
        after: Cursor | tuple[UUID, int] | None = None,
        only: Kinds | None = None,
    ) -> None:
        super().__init__(hub)
        self._task_id = task_id
        self._allowed = allowed
        self._after = after
        self._only = only
        self._epoch: UUID | None = None
        self._version = -1
        self._is_final = False
        self._has_lost = False

    def on_lost(self) -> None:
        """Find out in the log what is left."""
        if self._phase is Phase.LIVE:
            self._begin_catching_up()
        self._has_lost = self._phase is Phase.CATCHING_UP

    def _attach(self) -> None:
        self._hub.audience.watch_task(self._task_id, self)

    def _detach(self) -> None:
        self._hub.audience.leave_task(self._task_id, self)

    def _take(self, released: Released) -> None:
        version = released.event.version
        if version != self._version + 1:
            if version > self._version:
                self._begin_catching_up()
            return
        self._version = version
        is_told = self._only is None or released.event.kind in self._only
        if is_told:
            self._put(released.task_frame)
        if released.is_final and self._phase is Phase.LIVE:
            # A retry may have undone this end already: the log tells whether the task has one.
            self._begin_catching_up()

    async def _catch_up(self) -> None:
        while True:
            if self._early is None:
                self._join()
            self._has_lost = False
            if self._version < 0 or self._epoch != self._hub.epoch:
                await self._begin()
            if not await self._replay() and await self._tell_early() and not self._has_lost:
                break
        if self._is_final:
            self._complete()
        else:
            self._go_live()

    async def _begin(self) -> None:
        """Find where to begin, and tell a SNAPSHOT where that is the present."""
        task = await self._read(snapshot, self._task_id)
        if task is None or not self._allowed(task):
            raise TaskNotFound(f"no task {self._task_id} that you may see")
        is_renewed = self._epoch is not None
        self._epoch = self._hub.epoch
        if is_renewed:
            await self._tell_gap(GapReason.EPOCH_CHANGED, task)
        elif self._after is None:
            self._hub.introduce(task, self)
            await self._tell_snapshot(task)
        elif self._after[0] != self._epoch or await self._is_beyond_head(self._after[1]):
            await self._tell_gap(GapReason.EPOCH_CHANGED, task)
        else:
            version = await self._read(lookups.version_at, task, self._after[1])
            if version is None:
                await self._tell_gap(GapReason.RETENTION, task)
            else:
                self._version = version

    async def _replay(self) -> bool:
        """Tell a page of what the log has more than was told. True: there is more."""
        task, events = await self._read(lookups.task_page, self._task_id, self._version)
        if task is None:
            raise TaskNotFound(f"task {self._task_id} was pruned")
        for event in events:
            if event.version != self._version + 1:
                await self._tell_gap(GapReason.RETENTION, task)
                return True
            now = TaskSnapshot.of_event(task, event)
            await self._tell_event(event, now, None)
        if self._version >= task.version:
            self._is_final = task.status.is_final if self._version == task.version else self._is_final
            return False
        if not events:
            await self._tell_gap(GapReason.RETENTION, task)
        return True

    async def _tell_early(self) -> bool:
        """Tell what came live meanwhile. False: some of it was dropped, or does not follow on what was told."""
        while (released := self._next_early()) is not None:
            if released.event.version > self._version:
                if released.event.version != self._version + 1:
                    return False
                await self._tell_event(released.event, released.task, released.task_frame)
        return self._early is not None

    async def _tell_event(self, event: Event, task: TaskSnapshot, frame: Frame | None) -> None:
        self._version = event.version
        self._is_final = task.status.is_final
        if self._only is None or event.kind in self._only:
            await self._tell(frame or Frame("EVENT", self._hub.epoch, event.id, event=event, task=task))

    async def _tell_snapshot(self, task: TaskSnapshot) -> None:
        self._version = task.version
        self._is_final = task.status.is_final
        await self._tell(snapshot_frame(self._hub.epoch, task))

    async def _tell_gap(self, reason: str, task: TaskSnapshot) -> None:
        # From 0 on a resume gives every event that is left, or a gap and the snapshot that this one would have had.
        await self._tell(gap_frame(self._hub.epoch, 0, reason, task))
        await self._tell_snapshot(task)
