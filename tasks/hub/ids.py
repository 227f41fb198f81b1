"""Which event ids this process has seen, which may still come, and the mark below which nothing can. Pure.

Ids are handed out before commits, so an id that is passed over may still appear. What is remembered is the highest id
seen and the holes below it, so the memory follows what is missing and not what came.
"""

import heapq
from bisect import bisect_right
from dataclasses import dataclass

Span = tuple[int, int]
"""The first and the last of some neighbouring ids."""


@dataclass(slots=True)
class Hole:
    """Neighbouring ids not seen, below one that was."""

    first: int
    last: int
    settled_at: int | None = None
    """Given up once every transaction numbered below this has ended; None: that number is not known yet."""


class SeenIds:
    """The ids seen so far, each let in once.

    An id may be held: it was seen, but those who want it have not been told yet. `mark` stays below held ids, since it
    becomes the cursor of people who have been told everything up to it.
    """

    __slots__ = ("_held", "_holes", "_queue", "forgotten", "highest")

    def __init__(self, floor: int) -> None:
        """Nothing at or below `floor` can appear any more."""
        self.highest = floor
        self.forgotten = 0
        """How often `forget` was called."""
        self._holes: list[Hole] = []
        self._held: set[int] = set()
        self._queue: list[int] = []

    @property
    def settled(self) -> int:
        """The highest id below and at which nothing can come: all that was to come is stored, told or not."""
        return self._holes[0].first - 1 if self._holes else self.highest

    @property
    def mark(self) -> int:
        """The highest id below and at which nothing can come, or is still to be told. Never falls."""
        settled, queue, held = self.settled, self._queue, self._held
        while queue and queue[0] not in held:
            heapq.heappop(queue)
        return min(settled, queue[0] - 1) if queue else settled

    @property
    def has_holes(self) -> bool:
        """True while an id below the highest is missing."""
        return bool(self._holes)

    def see(self, event_id: int) -> bool:
        """Let an id in. False: it came before, or was proved not to come."""
        highest = self.highest
        if event_id > highest:
            if event_id > highest + 1:
                self._holes.append(Hole(highest + 1, event_id - 1))
            self.highest = event_id
            return True
        return bool(self._holes) and self._fill(event_id)

    def hold(self, event_id: int) -> None:
        """Keep the mark below an id that was seen, until `let_go`."""
        if event_id not in self._held:
            self._held.add(event_id)
            heapq.heappush(self._queue, event_id)

    def let_go(self, event_id: int) -> None:
        """End `hold`."""
        self._held.discard(event_id)

    def is_held(self, event_id: int) -> bool:
        """True for an id that was seen and not told."""
        return event_id in self._held

    def forget(self, event_id: int) -> None:
        """Make a held id unseen again: there was no room to keep its event, so it is to be read again."""
        self._held.discard(event_id)
        self.forgotten += 1
        at = self._place(event_id)
        if at >= 0 and self._holes[at].last == event_id - 1 and self._holes[at].settled_at is None:
            self._holes[at].last = event_id
        else:
            self._holes.insert(at + 1, Hole(event_id, event_id))

    # ---- what is missing ------------------------------------------------------------------------------------------

    def misses_through(self, event_id: int) -> bool:
        """True while an id up to this one is missing."""
        return bool(self._holes) and self._holes[0].first <= event_id

    def missing(self, limit: int) -> list[Span]:
        """The lowest holes."""
        return [(hole.first, hole.last) for hole in self._holes[:limit]]

    def awaited(self) -> int | None:
        """The lowest transaction number that a hole waits for."""
        return min((hole.settled_at for hole in self._holes if hole.settled_at is not None), default=None)

    def has_unnoted(self, through: int) -> bool:
        """True where a hole at or below `through` has no transaction number to wait for yet."""
        return any(hole.settled_at is None and hole.last <= through for hole in self._holes)

    def note(self, number: int, through: int) -> None:
        """Give the holes at or below `through` the number that all transactions open when they were seen are below."""
        for hole in self._holes:
            if hole.settled_at is None and hole.last <= through:
                hole.settled_at = number

    def give_up(self, horizon: int, through: int) -> None:
        """Close the holes that wait for no number above `horizon`, as far as `through`, to where the log was read.

        All transactions below `horizon` must have ended before the log was read.
        """
        left = []
        for hole in self._holes:
            if hole.settled_at is not None and hole.settled_at <= horizon and hole.first <= through:
                hole.first = through + 1
            if hole.first <= hole.last:
                left.append(hole)
        self._holes = left

    def lacks(self, event_id: int) -> bool:
        """True for an id that was passed over and not seen since."""
        at = self._place(event_id)
        return at >= 0 and event_id <= self._holes[at].last

    def _fill(self, event_id: int) -> bool:
        at = self._place(event_id)
        if at < 0:
            return False
        hole = self._holes[at]
        if event_id > hole.last:
            return False
        parts = [
            Hole(first, last, hole.settled_at)
            for first, last in ((hole.first, event_id - 1), (event_id + 1, hole.last))
            if first <= last
        ]
        self._holes[at : at + 1] = parts
        return True

    def _place(self, event_id: int) -> int:
        """The last hole that begins at or below the id, or -1."""
        return bisect_right(self._holes, event_id, key=_first) - 1


def _first(hole: Hole) -> int:
    return hole.first
