"""One service that must run: started again when it dies, each time after a longer wait."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from project.servers import Child, ServerFailed

_FIRST_SECONDS: Final = 0.5
_MOST_SECONDS: Final = 30.0
_STEADY_SECONDS: Final = 30.0


@dataclass
class BackOff:
    """How long to wait before a start: doubling from one death to the next, forgotten after a steady life."""

    _next_seconds: float = _FIRST_SECONDS

    def after_a_life_of(self, seconds: float) -> float:
        """Return the wait, and make the next one longer."""
        wait = _FIRST_SECONDS if seconds >= _STEADY_SECONDS else self._next_seconds
        self._next_seconds = min(wait * 2, _MOST_SECONDS)
        return wait


class Service:
    """A child with its way to be started. `look` is called now and then, and tells what is worth saying."""

    def __init__(self, name: str, start: Callable[[], Child]) -> None:
        self.name = name
        self.child: Child | None = None
        self._start = start
        self._back_off = BackOff()
        self._started_at = 0.0
        self._start_again_at: float | None = None

    def start(self) -> Child:
        """Start it for the first time. Raises `ServerFailed`."""
        self._started_at = time.monotonic()
        self.child = self._start()
        return self.child

    def look(self) -> str | None:
        """Start it again if it has died and its wait is over. Returns what happened, in one line, or None."""
        if self._start_again_at is None:
            return self._mourn() if self.child and not self.child.is_running else None
        if time.monotonic() < self._start_again_at:
            return None
        self._start_again_at = None
        try:
            self.start()
        except ServerFailed as failure:
            self.child = None
            return self._postpone(str(failure).partition("\n")[0])
        return f"{self.name} has been started again"

    def stop(self, seconds: float) -> None:
        """End it for good."""
        if self.child is not None:
            self.child.stop(seconds)

    def _mourn(self) -> str:
        assert self.child is not None  # noqa: S101 - the caller has looked
        self.child.kill()  # what it started must not outlive it, or it would stand in the new one's way
        return self._postpone(f"{self.name} {self.child.ending}")

    def _postpone(self, what: str) -> str:
        wait = self._back_off.after_a_life_of(time.monotonic() - self._started_at)
        self._start_again_at = time.monotonic() + wait
        return f"{what}; starting it again in {wait:g} s"
