"""How long to wait before the next try, and when to stop trying."""

import asyncio
import random
import time
from typing import Final

from taskfeed_client.faults import Unreachable

FIRST_SECONDS: Final = 0.25
MOST_SECONDS: Final = 10.0


class Patience:
    """Waits longer after each failure, by chance more or less, so that clients do not come back all at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.refresh()

    def refresh(self) -> None:
        """Begin anew: the server was heard."""
        self._failures = 0
        self._ends_at = time.monotonic() + self._seconds

    async def wait(self, fault: Exception) -> None:
        """Wait for the next try. Raises `Unreachable` when there has been nothing but failures for too long."""
        if time.monotonic() >= self._ends_at:
            raise Unreachable(f"nothing was heard for {self._seconds:g} s: {fault}") from fault
        longest = min(FIRST_SECONDS * 2**self._failures, MOST_SECONDS)
        self._failures += 1
        await asyncio.sleep(longest * random.uniform(0.5, 1))  # noqa: S311 - jitter needs no secrecy
