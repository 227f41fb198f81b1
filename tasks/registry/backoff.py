"""How long a task rests between attempts."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tasks.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that grow by `factor` from `first_seconds` to `max_seconds`. A pure decision: somebody else acts on it."""

    first_seconds: float = 1.0
    """After the first failed attempt."""
    factor: float = 2.0
    """How many times longer each next delay is; 1 keeps it constant."""
    max_seconds: float = 600.0
    """No delay is longer."""
    jitter: float = 0.1
    """Each delay is shortened at random by up to this share, so that what failed together does not return together."""

    def __post_init__(self) -> None:
        """Refuse what would give a delay below zero or one that shrinks."""
        if not 0 <= self.first_seconds <= self.max_seconds < float("inf"):
            raise Misconfigured(f"{self!r}: expected 0 <= first_seconds <= max_seconds, both finite")
        if not 1 <= self.factor < float("inf"):
            raise Misconfigured(f"{self!r}: expected a factor of at least 1, which keeps the delay constant")
        if not 0 <= self.jitter <= 1:
            raise Misconfigured(f"{self!r}: expected a jitter from 0 to 1, the share by which a delay may be shorter")

    def delay(self, failed_attempts: int, random: Callable[[], float]) -> float:
        """Return the seconds to rest after that many failed attempts (from 1). `random` gives a number in [0, 1)."""
        try:
            delay = min(self.first_seconds * self.factor ** (failed_attempts - 1), self.max_seconds)
        except OverflowError:
            delay = self.max_seconds
        return delay * (1 - self.jitter * random())

    def starting_at(self, first_seconds: float) -> "Backoff":
        """Return the same growth from another first delay, which may be above the present maximum."""
        return replace(self, first_seconds=first_seconds, max_seconds=max(self.max_seconds, first_seconds))
