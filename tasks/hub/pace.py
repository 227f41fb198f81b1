"""How long an event that is missing may still come live before the log is asked for it. Pure.

Live delivery may be late, or it loses. A look at the log brings what was lost soon, and what is only late twice. Which
of the two it was shows afterwards: what was lost does not come live any more.
"""

from collections.abc import Collection, Iterable
from typing import Final

SOON_SECONDS: Final = 0.05
"""Where live delivery is as fast as it should be."""
_REMEMBERED: Final = 1_000


class Pace:
    """The time to wait: twice as long after a look that was too early, SOON_SECONDS again after a proved loss.

    A hole that can't be filled yet, since its transaction is open, is looked at more and more rarely as well, until one
    of the looks is of use.
    """

    __slots__ = ("_at_most", "_found", "_is_judged", "_late_seconds", "_useless_looks")

    def __init__(self, at_most: float) -> None:
        self._at_most = max(at_most, SOON_SECONDS)
        self._late_seconds = SOON_SECONDS
        self._useless_looks = 0
        self._found: dict[int, float] = {}
        """What looks have found after it was waited for, and when: late or lost is not known yet."""
        self._is_judged = True
        """The last look has turned out to be too early; one step a look is enough."""

    @property
    def seconds(self) -> float:
        """How long to wait, from the moment that something is seen to be missing."""
        return min(self._late_seconds * 2.0**self._useless_looks, self._at_most)

    def came(self, event_ids: Collection[int]) -> None:
        """Note what has come live. What a look had found already shows that it was too early."""
        if not self._found:
            return
        for event_id in self._found.keys() & event_ids:
            del self._found[event_id]
            if not self._is_judged:
                self._is_judged = True
                self._late_seconds = min(self._late_seconds * 2, self._at_most)

    def was_enough(self) -> None:
        """Note that nothing is missing any more after the wait, so that it may be a little shorter."""
        self._late_seconds = max(self._late_seconds * 0.9, SOON_SECONDS)

    def looked(self, found: Iterable[int], now: float, *, settled: bool) -> None:
        """Note which events that had been waited for a look has found, at the time `now` in seconds.

        `settled`: it was of use otherwise, or there was nothing that it could have been of use for.
        """
        lost = [event_id for event_id, at in self._found.items() if now - at >= self._at_most]
        if lost:
            self._late_seconds = SOON_SECONDS
        for event_id in lost:
            del self._found[event_id]
        fresh = dict.fromkeys(found, now)
        self._useless_looks = 0 if fresh or settled else min(self._useless_looks + 1, 10)
        if fresh and len(self._found) < _REMEMBERED:
            self._found.update(fresh)
            self._is_judged = False
