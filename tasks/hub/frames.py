"""What subscriptions are told: frames, shared between all who are told the same, and where they go."""

from collections.abc import Hashable
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from tasks.hub.weight import EVENT_BYTES, weight_of_event
from tasks.models import Event
from tasks.models.snapshots import TaskSnapshot


class Cursor(NamedTuple):
    """A position in the event log, as clients hold it: everything up to `id` has been seen."""

    epoch: UUID
    id: int


class GapReason:
    """Why events are missing; the words of the contract."""

    RETENTION: Final = "RETENTION"
    EPOCH_CHANGED: Final = "EPOCH_CHANGED"
    SLOW_SUBSCRIBER: Final = "SLOW_SUBSCRIBER"


class Frame:
    """One frame of a subscription. Equal to itself alone; `key` is equal where the content is. Never changed."""

    __slots__ = ("_key", "cursor_id", "epoch", "event", "gap", "kind", "matches", "task")

    def __init__(  # noqa: PLR0913 - the contract's fields
        self,
        kind: str,
        epoch: UUID,
        cursor_id: int,
        *,
        event: Event | None = None,
        task: TaskSnapshot | None = None,
        gap: str | None = None,
        matches: bool | None = None,
    ) -> None:
        self.kind = kind
        """A member of UpdateKind, by name."""
        self.epoch = epoch
        self.cursor_id = cursor_id
        """With `epoch`: the position to resume from after this frame."""
        self.event = event
        self.task = task
        self.gap = gap
        self.matches = matches
        self._key: Hashable = None

    def __repr__(self) -> str:
        what = self.gap or (self.event and f"{self.event.kind} {self.event.version}") or ""
        return f"<Frame {self.kind} {what} at {self.cursor_id}>"

    @property
    def weight(self) -> int:
        """About how many bytes it holds on to."""
        return weight_of_event(self.event) if self.event is not None else EVENT_BYTES

    @property
    def key(self) -> Hashable:
        """Equal for frames that read the same."""
        if self._key is None:
            event_id = self.event.id if self.event is not None else None
            task = (self.task.id, self.task.version) if self.event is None and self.task is not None else None
            self._key = (self.kind, event_id, self.matches, self.cursor_id, self.gap, task, self.epoch.int)
        return self._key


def snapshot_frame(epoch: UUID, task: TaskSnapshot) -> Frame:
    """One task as it stands."""
    return Frame("SNAPSHOT", epoch, task.event_id, task=task)


def gap_frame(epoch: UUID, cursor_id: int, reason: str, task: TaskSnapshot | None = None) -> Frame:
    """Events were missed that can't be replayed: of one task, which is shown as it stands, or of a feed."""
    return Frame("GAP", epoch, cursor_id, gap=reason, task=task)


def position_frame(epoch: UUID, cursor_id: int) -> Frame:
    """Nothing but where to resume from."""
    return Frame("POSITION", epoch, cursor_id)


class Released:
    """One event on its way to those who want it: told once, in the order of its task's versions."""

    __slots__ = ("_feed_frames", "_task_frame", "_weight", "before", "epoch", "event", "is_final", "mark", "task")

    def __init__(self, event: Event, task: TaskSnapshot, before: TaskSnapshot | None, mark: int, epoch: UUID) -> None:
        self.event = event
        self.task = task
        """The task right after the event."""
        self.before = before
        """The task right before it; None where there was none, or nobody knows any more."""
        self.mark = mark
        """Everything up to this id has been told, this event included if it is below."""
        self.epoch = epoch
        self.is_final = task.status.is_final
        self._task_frame: Frame | None = None
        self._feed_frames: list[Frame | None] = [None, None]
        self._weight = 0

    @property
    def weight(self) -> int:
        """About how many bytes it holds on to; weighed once for all who keep it."""
        if not self._weight:
            self._weight = weight_of_event(self.event)
        return self._weight

    @property
    def task_frame(self) -> Frame:
        """The frame for those who watch this task."""
        frame = self._task_frame
        if frame is None:
            frame = self._task_frame = Frame("EVENT", self.epoch, self.event.id, event=self.event, task=self.task)
        return frame

    def feed_frame(self, matches: bool) -> Frame:
        """The frame for feeds; `matches` is False where the task has just left the filter."""
        frame = self._feed_frames[matches]
        if frame is None:
            frame = Frame("EVENT", self.epoch, self.mark, event=self.event, task=self.task, matches=matches)
            self._feed_frames[matches] = frame
        return frame


class Sink(Protocol):
    """Where a source puts its frames, always on the event loop."""

    @property
    def full(self) -> bool:
        """True: put nothing more until the sink calls the source's `resume`, which it then will."""

    def put(self, frame: Frame) -> None:
        """Take the next frame."""

    def end(self) -> None:
        """There will be no more."""

    def fail(self, error: Exception) -> None:
        """There will be no more, because of this."""
