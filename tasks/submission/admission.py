"""Whether one more task of this user may come in just now."""

import asyncio
import weakref
from uuid import UUID

from tasks.errors import QueueFull, RateLimited
from tasks.submission.backlog import Backlog
from tasks.submission.quota import Quota


class Admission:
    """The limits over time and on what waits. One per event loop."""

    def __init__(self) -> None:
        self._backlog = Backlog()
        self._quota = Quota()

    def refused(self, user_id: UUID, queue: str, path: list[str]) -> QueueFull | RateLimited | None:
        """Count one task that comes in; or say why it may not, and count nothing."""
        full = self._backlog.full(user_id, queue, path)
        if full is not None:
            return full
        seconds = self._quota.take(user_id)
        if seconds is None:
            self._backlog.add(user_id, queue)
            return None
        message = f"too many submissions within a minute: try again in {seconds:.1f} seconds"
        return RateLimited(message, path, retry_after_seconds=round(seconds, 3))


_admissions: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Admission]" = weakref.WeakKeyDictionary()


def admission() -> Admission:
    """Return the one of the running loop."""
    loop = asyncio.get_running_loop()
    found = _admissions.get(loop)
    if found is None:
        found = _admissions[loop] = Admission()
    return found
