"""Shows retries: the first attempts raise, a later one succeeds, and the history of attempts tells it."""

from typing import Annotated

from tasks.registry import Backoff, Field, TaskContext, task_type


@task_type(max_attempts=5, backoff=Backoff(first_seconds=0.2, max_seconds=2))
def fail_sometimes(context: TaskContext, failures: Annotated[int, Field(ge=0, le=100)] = 2) -> int:
    """Fail a number of times, then return the attempt that succeeded.

    Args:
        failures: How many attempts fail. With more than four the task itself fails, and a retryTask takes it further.
    """
    if context.attempt <= failures:
        raise ConnectionError(f"attempt {context.attempt} fails, as do the first {failures}")
    return context.attempt
