"""How far an attempt has come, and why one failed."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

import strawberry

from tasks.api.types.fields import derived, resolved
from tasks.api.types.info import Info
from tasks.status import FailureCode


@strawberry.type(description="How far the present attempt has come, as its handler reported it.")
class TaskProgress:
    """Its source is the stored dict."""

    fraction: float | None = derived(itemgetter("fraction"), "0 to 1, null when unknown.")
    message: str | None = derived(itemgetter("message"), "What the handler does just now, in its own words.")
    updated_at: datetime = derived(
        lambda progress: datetime.fromisoformat(progress["updated_at"]), "When the handler reported it."
    )


@dataclass(slots=True, eq=False)
class FailureOf:
    """A stored failure, and where its traceback is."""

    facts: dict[str, Any]
    task_id: UUID
    attempt: int
    """The traceback is that of the last failed attempt up to this one."""


def failure_of_task(task: Any) -> FailureOf | None:
    """Return the failure of a snapshot's last failed attempt."""
    return None if task.failure is None else FailureOf(task.failure, task.id, task.attempt)


def failure_of_event(event: Any) -> FailureOf | None:
    """Return the failure that an event tells of; other events of the same task carry none of their own."""
    if event.failure is None or not event.body.get("failed"):
        return None
    return FailureOf(event.failure, event.task_id, event.attempt)


def failure_of_attempt(attempt: Any) -> FailureOf | None:
    """Return how an attempt's row says that it failed."""
    return None if attempt.failure is None else FailureOf(attempt.failure, attempt.task_id, attempt.number)


@strawberry.type(description="Why an attempt failed.")
class TaskFailure:
    """Its source is a `FailureOf`."""

    code: FailureCode = derived(lambda failure: failure.facts["code"], "What sort of failure it was.")
    message: str = derived(lambda failure: failure.facts["message"], "One line for people.")
    exception: str | None = derived(
        lambda failure: failure.facts.get("exception"), "The class of the exception, where one was raised."
    )

    @resolved("Where it was raised. For staff, null for others.")
    def traceback(self: Any, info: Info) -> str | None:
        """Read it for staff. Nothing is awaited, and nothing read, for anybody else."""
        if not info.context.viewer.is_staff:
            return None
        if "traceback" in self.facts:
            return self.facts["traceback"]  # type: ignore[no-any-return]  # stored JSON
        found: Awaitable[str | None] = info.context.loaders.tracebacks.load((self.task_id, self.attempt))
        return found  # type: ignore[return-value]  # the executor awaits it
