"""The runs of a task's handler."""

from datetime import datetime
from typing import Any

import strawberry_django

from tasks import models
from tasks.api.types.fields import resolved
from tasks.api.types.outcomes import TaskFailure, failure_of_attempt
from tasks.status import AttemptStatus


@strawberry_django.type(models.Attempt, description="One run of a task's handler.")
class TaskAttempt:
    """A row of attempts."""

    number: int = strawberry_django.field(description="Counted from 1, over every retryTask.")
    status: AttemptStatus = strawberry_django.field(description="How it stands.")
    worker: str | None = strawberry_django.field(description="The worker that ran it, or runs it.")
    started_at: datetime = strawberry_django.field(description="When a worker claimed the task.")
    finished_at: datetime | None = strawberry_django.field(description="When it ended; null while it runs.")

    @resolved("Why it failed, where it did.")
    def failure(self: Any) -> TaskFailure | None:
        """Read what the row stores."""
        return failure_of_attempt(self)  # type: ignore[return-value]  # its source
