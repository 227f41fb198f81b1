"""The rhythm of a worker's upkeep, with its real threads, on the real store."""

from uuid import UUID, uuid4

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from tasks import lifecycle
from tasks.models import Attempt, Task, WorkerProcess
from tasks.status import AttemptStatus
from tasks.upkeep import Upkeep, WorkerIdentity
from tests.integration.worker_scene import Scene
from tests.waiting import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


def nothing() -> None:
    """Be a handler."""


def lapsed_worker_with(task: Task) -> UUID:
    """Sign in a worker whose lease is over already, and have it claim the task."""
    incarnation = uuid4()
    lifecycle.register_worker(incarnation, name="lapsed@here", queues=["default"], concurrency=1, lease_seconds=-1)
    assert lifecycle.claim(task.id, claim_id=uuid4(), incarnation=incarnation, worker="lapsed@here", pid=1)
    return incarnation


def test_a_fresh_worker_gives_those_whose_lease_is_over_time_to_show_that_they_live(scene: Scene, settings: Settings):
    """After an outage of the database all leases are over, and somebody may just start."""
    settings.HEARTBEAT_SECONDS = 1.0
    back, gone = scene.submit(nothing), scene.submit(nothing)
    cut_off, _ = lapsed_worker_with(back), lapsed_worker_with(gone)
    fresh = WorkerIdentity(uuid4(), "fresh@here", ["default"], 1)
    upkeep = Upkeep(fresh, look_after=lambda _: None, lease_lost=lambda: None)
    connection.close()

    upkeep.start()
    try:
        beating = WorkerProcess.objects.filter(incarnation=fresh.incarnation)
        wait_for(lambda: any(row.last_heartbeat_at > row.started_at for row in beating.all()), 10, "a second heartbeat")
        assert not lifecycle.heartbeat(cut_off, lease_seconds=60)
        failed = Attempt.objects.filter(status=AttemptStatus.FAILED)
        wait_for(lambda: failed.filter(task=gone).exists(), 10, "the rescue of what is lost")
    finally:
        upkeep.stop()

    assert not failed.filter(task=back).exists()


def test_a_worker_whose_registration_was_answered_by_nobody_registers_again():
    incarnation = uuid4()
    for lease in (-1.0, 60.0):
        lifecycle.register_worker(incarnation, name="w@here", queues=["default"], concurrency=1, lease_seconds=lease)

    assert lifecycle.heartbeat(incarnation, lease_seconds=60)
    assert WorkerProcess.objects.count() == 1
