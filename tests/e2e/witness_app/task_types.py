"""Handlers that testify when they begin and when they end, past Taskfeed, in a table of their own."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from typing import Annotated, Literal

from tasks.registry import Backoff, Field, TaskCancelled, TaskContext, task_type
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
    _pass_time(context, seconds, beats_per_second)
    testify(context.task_id, context.attempt, "end")


@dataclass(frozen=True)
class Witnessed:
    """Which attempt it was that came to its end."""

    attempt: int


@task_type(backoff=SHORT, max_attempts=5, timeout_seconds=120)
def outlive(
    context: TaskContext,
    first_seconds: Annotated[float, Field(ge=0)],
    later_seconds: Annotated[float, Field(ge=0)],
    beats_per_second: Annotated[int, Field(ge=0, le=100)] = 0,
) -> Witnessed:
    """Take one time in the first attempt and another in those after it; testify also being told to stop.

    Who comes to the end tells it as progress, whatever that answers, and as the result.
    """
    testify(context.task_id, context.attempt, "start")
    try:
        _pass_time(context, first_seconds if context.attempt == 1 else later_seconds, beats_per_second)
    except TaskCancelled:
        testify(context.task_id, context.attempt, "stop")
        raise
    testify(context.task_id, context.attempt, "end")
    with contextlib.suppress(TaskCancelled):
        context.report_progress(1.0, f"end of attempt {context.attempt}")
    return Witnessed(context.attempt)


@task_type(backoff=SHORT, timeout_seconds=120)
def destroy(context: TaskContext, whom: Literal["CHILD", "WORKER", "ALL"]) -> None:
    """Kill the process that runs this attempt, the worker above it, or both with all its other children."""
    testify(context.task_id, context.attempt, "start")
    if whom == "ALL":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid() if whom == "CHILD" else os.getppid(), signal.SIGKILL)
    time.sleep(60)
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


def _pass_time(context: TaskContext, seconds: float, beats_per_second: int) -> None:
    begun_at = time.monotonic()
    while (left := begun_at + seconds - time.monotonic()) > 0:
        if beats_per_second:
            context.report_progress(min(1.0, 1 - left / seconds))
        time.sleep(min(left, 1 / beats_per_second) if beats_per_second else left)
