"""Handlers that testify when they begin and when they end, past Taskfeed, in a table of their own."""

import time
from typing import Annotated

from tasks.registry import Backoff, Field, TaskContext, task_type
from tests.e2e.witness_app.testimony import testify

SHORT = Backoff(first_seconds=0.2, factor=2.0, jitter=0.0)


@task_type(backoff=SHORT, max_attempts=20, timeout_seconds=120)
def observe(
    context: TaskContext,
    seconds: Annotated[float, Field(ge=0)] = 0.0,
    beats_per_second: Annotated[int, Field(ge=0, le=100)] = 0,
) -> None:
    """Take that long, testify start and end, and report progress at each beat."""
    testify(context.task_id, context.attempt, "start")
    begun_at = time.monotonic()
    while (left := begun_at + seconds - time.monotonic()) > 0:
        if beats_per_second:
            context.report_progress(min(1.0, 1 - left / seconds))
        time.sleep(min(left, 1 / beats_per_second) if beats_per_second else left)
    testify(context.task_id, context.attempt, "end")


@task_type(backoff=SHORT, max_attempts=20, timeout_seconds=120)
def recite(context: TaskContext, lines: Annotated[int, Field(ge=1)], seconds: Annotated[float, Field(ge=0)]) -> None:
    """Log the numbers from 1 to `lines`, evenly over that time, and testify start and end."""
    testify(context.task_id, context.attempt, "start")
    for number in range(1, lines + 1):
        context.log(str(number))
        time.sleep(seconds / lines)
    testify(context.task_id, context.attempt, "end")


@task_type(timeout_seconds=120)
def flood(
    context: TaskContext,
    lines: Annotated[int, Field(ge=1, le=10_000)],
    characters: Annotated[int, Field(ge=10, le=8_000)] = 100,
) -> None:
    """Log that many lines of that length, as fast as the log takes them."""
    for number in range(lines):
        context.log(f"{number:<{characters}}")
