"""A context for handlers under test: it stores nothing, and remembers what it was told."""

from uuid import UUID

from tasks.registry import LogLevel, TaskCancelled, TaskContext

TASK_ID = UUID("0197a3a0-0000-7000-8000-000000000001")


class RecordingContext(TaskContext):
    """Keeps all that a handler says. With `cancel_after`, a cancel is known from that many calls on."""

    def __init__(self, attempt: int = 1, *, cancel_after: int | None = None) -> None:
        self.task_id = TASK_ID
        self.attempt = attempt
        self.progress: list[tuple[float | None, str | None]] = []
        self.lines: list[tuple[LogLevel, str]] = []
        self.chunks: list[str] = []
        self._calls_left = cancel_after

    def report_progress(self, fraction: float | None = None, message: str | None = None) -> None:
        """Keep it."""
        self._count()
        self.progress.append((fraction, message))

    def log(self, message: str, level: LogLevel = LogLevel.INFO) -> None:
        """Keep it."""
        self._count()
        self.lines.append((level, message))

    def emit(self, chunk: str) -> None:
        """Keep it."""
        self._count()
        self.chunks.append(chunk)

    def is_cancelled(self) -> bool:
        """Tell whether the calls are used up."""
        return self._calls_left == 0

    def _count(self) -> None:
        if self.is_cancelled():
            raise TaskCancelled
        if self._calls_left is not None:
            self._calls_left -= 1
