"""The handler that has a table of its own, run as the worker runs it, on the real store."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from tasks.handlers.save_todo import Todo
from tasks.models import Task
from tasks.status import TaskStatus
from tasks.worker import attempt
from tests.integration.rows import stored
from tests.integration.worker_scene import Scene

pytestmark = pytest.mark.django_db(transaction=True)


def attempted(scene: Scene, **arguments: Any) -> Task:
    """Attempt a `save_todo` task once and return its row as it is then."""
    task = stored(None, type="save_todo", arguments=arguments)
    attempt.run(task.id, scene.place)
    task.refresh_from_db()
    return task


def test_todo_is_stored_and_its_key_is_the_result(scene: Scene) -> None:
    task = attempted(scene, title="Buy milk", description="Two litres")

    todo = Todo.objects.get()
    assert (todo.task_id, todo.title, todo.description) == (task.id, "Buy milk", "Two litres")
    assert (task.status, task.result) == (TaskStatus.SUCCEEDED, {"id": str(todo.pk)})


def test_second_attempt_finds_the_row_of_the_first(scene: Scene) -> None:
    task = attempted(scene, title="Buy milk")
    first = task.result

    # As after a worker that stored the row and was lost before it could say so.
    Task.objects.filter(id=task.id).update(status=TaskStatus.QUEUED, result=None, finished_at=None)
    attempt.run(task.id, scene.place)

    task.refresh_from_db()
    assert (task.status, task.attempt, task.result) == (TaskStatus.SUCCEEDED, 2, first)
    assert Todo.objects.count() == 1


def test_each_task_has_a_row_of_its_own(scene: Scene) -> None:
    results = [attempted(scene, title="Buy milk").result["id"] for _ in range(2)]

    assert sorted(results) == sorted(str(key) for key in Todo.objects.values_list("pk", flat=True))


def test_the_table_itself_refuses_a_second_row_of_a_task(scene: Scene) -> None:
    task = attempted(scene, title="Buy milk")

    with pytest.raises(IntegrityError), transaction.atomic():
        Todo.objects.create(task_id=task.id, title="Buy more")
