"""One task's versions, released strictly in order, and the tasks remembered. Pure.

A version that comes early is parked until those before it have come, from the channel layer or from the log.
"""

from collections import OrderedDict
from collections.abc import Iterator
from uuid import UUID

from tasks.hub.weight import weight_of
from tasks.models import Event
from tasks.models.snapshots import TaskSnapshot

MAX_PARKED = 500
"""Of one task. What comes early beyond that is read from the log when its turn comes."""
MAX_TRACKS = 50_000
MAX_TRACKED_BYTES = 64 * 1024 * 1024
_OVERHEAD_BYTES = 1_500
"""About what a snapshot without arguments, result and metadata takes."""


class Track:
    """What is known of one task: the last version released, and the task as it stood then."""

    __slots__ = ("parked", "task", "version", "weight")

    def __init__(self, version: int, task: TaskSnapshot) -> None:
        self.version = version
        self.task = task
        """The task at `version`, or at another version where only what never changes is of use."""
        self.parked: dict[int, Event] = {}
        self.weight = 0

    def park(self, event: Event) -> bool:
        """Keep an early version. False: there is no room for it."""
        if len(self.parked) >= MAX_PARKED and event.version not in self.parked:
            return False
        self.parked[event.version] = event
        return True

    def due(self) -> Iterator[Event]:
        """Take out what is parked and next in order, as far as it goes; the taker raises `version`."""
        while self.parked and (event := self.parked.pop(self.version + 1, None)) is not None:
            yield event

    def gap(self) -> tuple[int, int] | None:
        """The first and last version missing before what is parked; None where nothing waits."""
        if not self.parked:
            return None
        return self.version + 1, min(self.parked) - 1


class Tracks:
    """The tracks of the tasks that were told of last, within bounds of number and bytes."""

    __slots__ = ("_bytes", "_tracks", "max_bytes", "max_tracks")

    def __init__(self, max_tracks: int = MAX_TRACKS, max_bytes: int = MAX_TRACKED_BYTES) -> None:
        self.max_tracks = max_tracks
        self.max_bytes = max_bytes
        self._tracks: OrderedDict[UUID, Track] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._tracks)

    def get(self, task_id: UUID) -> Track | None:
        """Find a task's track and count it as used."""
        track = self._tracks.get(task_id)
        if track is not None:
            self._tracks.move_to_end(task_id)
        return track

    def begin(self, task_id: UUID, version: int, task: TaskSnapshot) -> Track:
        """Remember a task. The ones used longest ago leave, unless something of theirs is parked."""
        self.drop(task_id)
        track = self._tracks[task_id] = Track(version, task)
        self.weigh(track)
        while len(self._tracks) > self.max_tracks or self._bytes > self.max_bytes:
            oldest = next(iter(self._tracks))
            if oldest == task_id or self._tracks[oldest].parked:
                break
            self.drop(oldest)
        return track

    def drop(self, task_id: UUID) -> Track | None:
        """Forget a task."""
        track = self._tracks.pop(task_id, None)
        if track is not None:
            self._bytes -= track.weight
        return track

    def weigh(self, track: Track) -> None:
        """Count what a track takes, again after its task has gained a result."""
        self._bytes -= track.weight
        task = track.task
        track.weight = _OVERHEAD_BYTES + sum(map(weight_of, (task.arguments, task.metadata, task.tags, task.result)))
        self._bytes += track.weight
