"""What a handler may say and ask while it runs."""

from abc import ABC, abstractmethod
from uuid import UUID

from tasks.status import LogLevel


class RejectTask(Exception):
    """Raised by a handler to refuse its task for good: FAILED with the code REJECTED and this message, not retried."""


class TaskCancelled(BaseException):
    """Raised by a call on the context once a cancel is known.

    Not an `Exception`, so that a handler's `except Exception` lets it through; `finally` and `with` clean up as usual.
    """


class TaskContext(ABC):
    """A handler's line to whoever watches its task. Annotate one parameter with it, of any name; it is not an argument.

    It belongs to one attempt and ends with it. All calls are cheap, so call them as often as there is something to say:
    of progress only the newest is told, at most about ten times a second; lines and chunks are all told, in order, in
    batches. Each is stored before the event that ends the attempt; a process that is killed may lose the last 100 ms.
    The calls are plain functions in `async def` handlers, too.
    """

    task_id: UUID
    """The same over all attempts: good as a key for what must not happen twice."""
    attempt: int
    """Counted from 1."""

    @abstractmethod
    def report_progress(self, fraction: float | None = None, message: str | None = None) -> None:
        """Say how far it has come. `fraction` is 0 to 1, None when unknown. Raises TaskCancelled as all of these."""

    @abstractmethod
    def log(self, message: str, level: LogLevel = LogLevel.INFO) -> None:
        """Add one line to the task's log. Raises TaskCancelled once a cancel is known."""

    @abstractmethod
    def emit(self, chunk: str) -> None:
        """Stream a piece of output; adjacent chunks may be merged. Raises TaskCancelled once a cancel is known."""

    @abstractmethod
    def is_cancelled(self) -> bool:
        """Tell whether somebody asked for a cancel. Never raises, for handlers that stop in their own way."""
