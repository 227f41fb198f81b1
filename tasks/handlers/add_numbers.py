"""Shows a result that is no object: in GraphQL it is the field `value` of one."""

from tasks.registry import task_type


@task_type
def add_numbers(a: float, b: float) -> float:
    """Add two numbers.

    Args:
        a: One of them.
        b: The other.
    """
    return a + b
