"""Shows defaults, and how to refuse for good what only the handler can see: no retry would mend the bounds."""

from dataclasses import dataclass
from secrets import randbelow

from tasks.registry import RejectTask, task_type


@dataclass(frozen=True)
class RandomNumber:
    """The number that was picked."""

    number: int
    """At least the minimum, at most the maximum."""


@task_type(timeout_seconds=30)
def generate_random_number(minimum: int = 1, maximum: int = 100) -> RandomNumber:
    """Pick a whole number between two bounds, both included.

    Args:
        minimum: The lower bound.
        maximum: The upper bound, not below the lower one.
    """
    if minimum > maximum:
        raise RejectTask(f"expected minimum <= maximum, got {minimum} and {maximum}: exchange them")
    return RandomNumber(minimum + randbelow(maximum - minimum + 1))
