"""The least a task type can be: an argument in, an object with one field out."""

from dataclasses import dataclass

from tasks.registry import task_type


@dataclass(frozen=True)
class ReversedString:
    """A text turned around."""

    text: str
    """The characters of the argument, last one first."""


@task_type
def reverse_string(text: str) -> ReversedString:
    """Turn a text around, last character first.

    Args:
        text: What to turn around.
    """
    return ReversedString(text[::-1])
