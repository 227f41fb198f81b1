"""Shows a handler without a result. For demonstrations and tests: it takes as long as one likes, and can be stopped."""

import time
from typing import Annotated

from tasks.registry import Field, TaskContext, task_type

_SLICE_SECONDS = 0.05


@task_type(timeout_seconds=3600)
def wait(context: TaskContext, seconds: Annotated[float, Field(ge=0, le=3600)]) -> None:
    """Do nothing for a while.

    Args:
        seconds: How long.
    """
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        context.report_progress(1 - left / seconds, f"{left:.0f} s left")
        time.sleep(min(left, _SLICE_SECONDS))
    context.report_progress(1.0)
