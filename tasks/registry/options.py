"""The options of `@task_type`, and what each may be."""

from dataclasses import dataclass, field
from math import isfinite

from tasks.registry.backoff import Backoff
from tasks.registry.names import MAX_NAME_LENGTH, fault_of_task_type_name
from tasks.status import TaskPriority


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How tasks of one type are treated, unless a submission says otherwise."""

    name: str | None = None
    """None: the function's own name."""
    queue: str = "default"
    """Where they wait."""
    priority: TaskPriority = TaskPriority.NORMAL
    """Before which others they start."""
    max_attempts: int = 3
    """How often the handler may run for one task."""
    backoff: Backoff = field(default_factory=Backoff)
    """How long they rest between attempts."""
    retry_on: tuple[type[Exception], ...] = (Exception,)
    """After which exceptions another attempt is made."""
    do_not_retry_on: tuple[type[Exception], ...] = ()
    """After which of these none is."""
    timeout_seconds: float = 300.0
    """How long one attempt may take."""

    def faults(self, function_name: str) -> list[str]:
        """Say everything that is wrong, with what would do."""
        name = self.name if self.name is not None else function_name
        found: list[str] = []
        if advice := fault_of_task_type_name(name):
            found.append(f"the name {name!r}: {advice}")
        if not isinstance(self.queue, str) or not 0 < len(self.queue) <= MAX_NAME_LENGTH:
            found.append(f"queue={self.queue!r}: expected a name of 1 to {MAX_NAME_LENGTH} characters")
        if not isinstance(self.priority, TaskPriority):
            found.append(f"priority={self.priority!r}: expected a TaskPriority, as in TaskPriority.HIGH")
        if type(self.max_attempts) is not int or self.max_attempts < 1:
            found.append(f"max_attempts={self.max_attempts!r}: expected a whole number of at least 1")
        if not isinstance(self.backoff, Backoff):
            found.append(f"backoff={self.backoff!r}: expected a Backoff, as in Backoff(first_seconds=5)")
        found.extend(_faults_of_exceptions("retry_on", self.retry_on))
        found.extend(_faults_of_exceptions("do_not_retry_on", self.do_not_retry_on))
        if not _is_positive(self.timeout_seconds):
            found.append(f"timeout_seconds={self.timeout_seconds!r}: expected a finite number above 0")
        return found


def _faults_of_exceptions(option: str, value: object) -> list[str]:
    if isinstance(value, tuple) and all(isinstance(item, type) and issubclass(item, Exception) for item in value):
        return []
    return [f"{option}={value!r}: expected a tuple of exception classes, as in (OSError,)"]


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value > 0
