"""A child that takes its next messages itself, and when it leaves them to others."""

import os
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from redis import Redis

from tasks import broker
from tasks.models import Task
from tasks.registry import TaskContext
from tasks.status import TaskPriority, TaskStatus
from tasks.worker import celery_task, process
from tasks.worker.attempt import Place
from tests.integration.worker_scene import Scene

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url", "at_home")]


@pytest.fixture
def at_home(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process the one child of a worker that consumes `default`; nothing waits there."""
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.flushdb()
    known = scene.place
    place = Place(known.incarnation, known.worker, known.pid, known.slot, known.caller, known.flusher, ("default",))
    home = process.Home(known.incarnation, known.worker, os.getpid(), scene.slots, ("default",), place=place)
    monkeypatch.setattr(process, "_home", home)


def enqueue(*task_ids: UUID) -> None:
    assert broker.send([broker.Message(task_id, "default", TaskPriority.NORMAL, 1) for task_id in task_ids])


def statuses(*tasks: Task) -> list[str]:
    return [Task.objects.get(id=task.id).status for task in tasks]


def nothing() -> None:
    """Return at once."""


def test_a_child_goes_on_with_what_waits_whatever_becomes_of_each(scene: Scene):
    first, second, third = (scene.submit(nothing) for _ in range(3))
    enqueue(second.id, uuid4(), third.id)

    celery_task.run(str(first.id))

    assert statuses(first, second, third) == [TaskStatus.SUCCEEDED] * 3
    assert broker.take(["default"]) is None


def test_a_child_whose_worker_stops_leaves_what_waits_to_others(scene: Scene):
    def be_told_to_stop(_context: TaskContext) -> None:
        scene.slots.ask_stop()

    first, second = (scene.submit(be_told_to_stop) for _ in range(2))
    enqueue(second.id)

    celery_task.run(str(first.id))

    assert statuses(first, second) == [TaskStatus.SUCCEEDED, TaskStatus.QUEUED]
    assert broker.take(["default"]) == second.id


def test_a_child_leaves_what_waits_to_celery_after_a_while(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(celery_task, "BURST_SECONDS", 0.0)
    first, second = (scene.submit(nothing) for _ in range(2))
    enqueue(second.id)

    celery_task.run(str(first.id))

    assert statuses(first, second) == [TaskStatus.SUCCEEDED, TaskStatus.QUEUED]
    assert broker.take(["default"]) == second.id
