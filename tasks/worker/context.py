"""The handler's own view of its attempt."""

from tasks.lifecycle import Claim, Progressed
from tasks.registry import TaskContext
from tasks.status import LogLevel
from tasks.worker.recorder import Recorder


class AttemptContext(TaskContext):
    """A TaskContext over one claim. Its calls take microseconds and never wait for the database.

    Only a handler that is a megabyte ahead of the log waits for it.
    """

    def __init__(self, claim: Claim, recorder: Recorder) -> None:
        self.task_id = claim.task_id
        self.attempt = claim.attempt
        self._recorder = recorder

    def report_progress(self, fraction: float | None = None, message: str | None = None) -> None:
        """Tell how far the attempt has come; of many reports the newest is kept, and the last one always."""
        if fraction is not None:
            fraction = _fraction(fraction)
        if message is not None and not isinstance(message, str):
            raise TypeError(f"expected message to be a str or None, got: {message!r}")
        self._recorder.report(Progressed(fraction, message))

    def log(self, message: str, level: LogLevel = LogLevel.INFO) -> None:
        """Add one line to the task's log."""
        if not isinstance(message, str):
            raise TypeError(f"expected message to be a str, got: {message!r}")
        self._recorder.log(_level(level), message)

    def emit(self, chunk: str) -> None:
        """Stream a chunk of output."""
        if not isinstance(chunk, str):
            raise TypeError(f"expected chunk to be a str, got: {chunk!r}")
        self._recorder.emit(chunk)

    def is_cancelled(self) -> bool:
        """Whether the handler should come to an end: a cancel was asked, or the attempt is not ours any more."""
        return self._recorder.is_cancelled()


def _fraction(fraction: float) -> float:
    if type(fraction) is not float:
        if isinstance(fraction, bool) or not isinstance(fraction, (int, float)):
            raise TypeError(f"expected fraction to be a number from 0 to 1 or None, got: {fraction!r}")
        fraction = float(fraction)
    # Written so that NaN fails it too.
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"expected fraction to be from 0 to 1, got: {fraction!r}")
    return fraction


def _level(level: LogLevel) -> LogLevel:
    try:
        return LogLevel(level)
    except ValueError:
        raise ValueError(f"expected level to be one of {', '.join(LogLevel)}, got: {level!r}") from None
