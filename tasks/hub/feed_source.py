"""The source of `tasksUpdated`."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from tasks.hub import lookups
from tasks.hub.frames import Cursor, Frame, GapReason, Released, gap_frame, position_frame
from tasks.hub.hub import Hub
from tasks.hub.lookups import FeedPage
from tasks.hub.source import EventSource, Kinds, Phase
from tasks.models import Event
from tasks.models.snapshots import TaskSnapshot

MAX_BEHIND = 10_000
"""A feed that has more events ahead of it than those who are told live gets a gap instead."""
_MAX_REPEATED = 20_000


class FeedSource(EventSource):
    """The tasks of some owners, or of all: a POSITION or, with `after`, every event since; then each as it happens.

    Told is every event of a task that `matches` right before or right after it. A frame's cursor is the log's mark:
    none is missing after a resume, though a few may come twice. `only` leaves out other kinds of event.
    """

    def __init__(
        self,
        hub: Hub,
        owners: frozenset[UUID] | None,
        matches: Callable[[TaskSnapshot], bool],
        after: Cursor | tuple[UUID, int] | None = None,
        only: Kinds | None = None,
    ) -> None:
        super().__init__(hub)
        self._owners = owners
        self._matches = matches
        self._after = after
        self._only = only
        self._epoch: UUID | None = None
        self._position = 0
        """Everything up to this id has been told, as far as it is wanted."""
        self._seen_through = 0
        """What the hub brings late from up to there was seen before, or told from the log."""
        self._told_cursor = 0
        self._repeated: set[int] = set()
        """Told above the position, so the log or the hub may bring it again."""
        self._repeated_through = 0
        # While catching up:
        self._joined_at = 0
        """Up to where the log was complete when the hub was joined; the hub brings all the rest."""
        self._read_through = 0
        self._is_present = False
        """The log was read to its end since the hub was joined."""
        self._has_lost = False

    # ---- live ------------------------------------------------------------------------------------------------------

    def on_lost(self) -> None:
        """Say that events are missing."""
        if self._phase is Phase.LIVE:
            self._put(gap_frame(self._hub.epoch, self._hub.mark, GapReason.RETENTION))
        self._has_lost = self._phase is Phase.CATCHING_UP

    def on_quiet(self, position: Frame) -> None:
        """Tell a new position, if nothing else has told it."""
        if self._phase is Phase.LIVE and position.cursor_id > self._told_cursor:
            self._position = max(self._position, position.cursor_id)
            self._told_cursor = position.cursor_id
            self._put(position)

    def _attach(self) -> None:
        self._hub.audience.watch_feed(self._owners, self)

    def _detach(self) -> None:
        self._hub.audience.leave_feed(self._owners, self)

    def _take(self, released: Released) -> None:
        if released.event.id <= self._seen_through or (self._repeated and self._is_repeated(released)):
            return
        self._position = max(self._position, released.mark)
        frame = self._frame_of(released)
        if frame is not None:
            self._told_cursor = released.mark
            self._put(frame)

    def _pause(self) -> None:
        for event_id in self._hub.told_above(self._position):
            self._remember(event_id)
        super()._pause()

    def _frame_of(self, released: Released) -> Frame | None:
        if self._only is not None and released.event.kind not in self._only:
            return None
        if self._matches(released.task):
            return released.feed_frame(matches=True)
        if released.before is not None and self._matches(released.before):
            return released.feed_frame(matches=False)
        return None

    def _is_repeated(self, released: Released) -> bool:
        if released.event.id in self._repeated:
            return True
        if released.mark >= self._repeated_through:
            self._repeated = set()
        return False

    def _remember(self, event_id: int) -> None:
        # Beyond the bound a few may come twice, which a reader tells by their version.
        if len(self._repeated) < _MAX_REPEATED:
            self._repeated.add(event_id)
            self._repeated_through = max(self._repeated_through, event_id)

    # ---- catching up -----------------------------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        while True:
            if self._early is None:
                self._join()
                self._joined_at = self._hub.settled
                self._read_through = self._position
                self._is_present = False
            if self._epoch != self._hub.epoch:
                await self._begin()
            if not await self._replay() and await self._tell_early():
                break
        self._go_live()

    async def _begin(self) -> None:
        is_renewed = self._epoch is not None
        self._epoch = self._hub.epoch
        if is_renewed:
            await self._skip(GapReason.EPOCH_CHANGED)
        elif self._after is None:
            await self._tell_present(position_frame(self._epoch, self._joined_at))
        elif self._after[0] != self._epoch or await self._is_beyond_head(self._after[1]):
            await self._skip(GapReason.EPOCH_CHANGED)
        else:
            self._position = self._read_through = self._seen_through = self._after[1]

    async def _replay(self) -> bool:
        """Tell a page of what the log has more than was told. True: there is more."""
        if self._is_present:
            return False
        at_most = MAX_BEHIND + self._hub.waiting
        may_be_too_far = self._hub.highest - self._read_through > at_most
        page = await self._read(
            lookups.feed_page, self._owners, self._read_through, at_most if may_be_too_far else None
        )
        if page.is_too_far:
            await self._skip(GapReason.SLOW_SUBSCRIBER)
        elif self._read_through < page.pruned_through:
            await self._skip(GapReason.RETENTION)
        else:
            await self._tell_page(page)
        return not self._is_present

    async def _tell_page(self, page: FeedPage) -> None:
        epoch, joined_at = self._hub.epoch, self._joined_at
        for step in await self._steps(page):
            event = step.event
            if event.id in self._repeated:
                continue
            # Up to `joined_at` the log was complete: what came later is kept, and told after.
            cursor = max(min(event.id, joined_at), self._position)
            await self._tell(Frame("EVENT", epoch, cursor, event=event, task=step.task, matches=step.matches))
            self._told_cursor = cursor
            if event.id > joined_at:
                self._remember(event.id)
        if page.events:
            self._read_through = page.events[-1].id
        self._is_present = page.is_last
        if self._is_present:
            self._seen_through = max(self._seen_through, joined_at)
        self._position = max(self._position, joined_at if self._is_present else min(self._read_through, joined_at))

    async def _steps(self, page: FeedPage) -> "list[_Step]":
        """Find the events of a page that are to be told."""
        steps: list[_Step] = []
        latest: dict[UUID, TaskSnapshot] = {}
        for event in page.events:
            facts = page.tasks.get(event.task_id)
            if facts is None:
                continue
            step = _Step(event, TaskSnapshot.of_event(facts, event), latest.get(event.task_id))
            latest[event.task_id] = step.task
            step.matches = self._matches(step.task)
            if self._only is None or event.kind in self._only:
                steps.append(step)
        unknown = [(step.event.task_id, step.event.version - 1) for step in steps if step.lacks_before]
        before = await self._read(lookups.befores, unknown) if unknown else {}
        for step in steps:
            earlier = before.get(step.event.task_id, {}).get(step.event.version - 1) if step.lacks_before else None
            if earlier is not None:
                step.before = TaskSnapshot.of_event(step.task, earlier)
        return [step for step in steps if step.matches or (step.before is not None and self._matches(step.before))]

    async def _tell_early(self) -> bool:
        """Tell what came live meanwhile. False: some of it was dropped."""
        if self._has_lost:
            self._has_lost = False
            await self._tell(gap_frame(self._hub.epoch, self._position, GapReason.RETENTION))
        while (released := self._next_early()) is not None:
            event_id = released.event.id
            is_new = event_id > self._seen_through and event_id not in self._repeated
            frame = self._frame_of(released) if is_new else None
            if frame is not None:
                await self._tell(frame)
                self._told_cursor = released.mark
            self._remember(event_id)
            self._position = max(self._position, released.mark)
        return self._early is not None and not self._has_lost

    async def _skip(self, reason: str) -> None:
        """Say that events are missing, and go on from the present."""
        await self._tell_present(gap_frame(self._hub.epoch, self._joined_at, reason))

    async def _tell_present(self, frame: Frame) -> None:
        self._position = self._read_through = self._told_cursor = frame.cursor_id
        self._repeated = set()
        self._seen_through = frame.cursor_id
        self._is_present = True
        await self._tell(frame)


@dataclass(slots=True, eq=False)
class _Step:
    """One event of a replay."""

    event: Event
    task: TaskSnapshot
    before: TaskSnapshot | None
    matches: bool = False

    @property
    def lacks_before(self) -> bool:
        """True where what the task was before decides, and is not known."""
        is_known = self.before is not None and self.before.version == self.event.version - 1
        return not self.matches and not is_known and self.event.version > 1
