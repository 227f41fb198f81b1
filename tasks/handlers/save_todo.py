"""Shows a handler with a table of its own, which a second attempt of the same task does not write to twice."""

from dataclasses import dataclass
from typing import Annotated

from django.db import models

from tasks.registry import BigInt, Field, TaskContext, task_type


class Todo(models.Model):
    """Something to do."""

    task_id = models.UUIDField(unique=True, editable=False)
    """The task that stored it: an attempt that comes again finds the row of the one before."""
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "tasks"

    def __str__(self) -> str:
        return self.title


@dataclass(frozen=True)
class SavedTodo:
    """Where it was stored."""

    id: BigInt
    """The row's key."""


@task_type
def save_todo(
    context: TaskContext,
    title: Annotated[str, Field(min_length=1, max_length=200)],
    description: Annotated[str, Field(max_length=10_000)] = "",
) -> SavedTodo:
    """Store something to do.

    Args:
        title: What it is, in a line.
        description: More about it.
    """
    todo, _ = Todo.objects.get_or_create(task_id=context.task_id, defaults={"title": title, "description": description})
    return SavedTodo(todo.pk)
