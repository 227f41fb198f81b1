"""Upkeep's threads on the real store, held up by real locks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg2
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from tasks import lifecycle
from tasks.lifecycle import RunningAttempt
from tasks.models import Task, User, WorkerProcess
from tasks.status import TaskStatus
from tasks.upkeep import Upkeep, WorkerIdentity
from tests.integration.hub_tools import explain, finished, on_postgresql, planned_anew
from tests.integration.rows import stored
from tests.waiting import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url"), on_postgresql]

BEAT_SECONDS = 0.1
LEASE_SECONDS = 2.0
RETENTION_SECONDS = 60.0
IDENTITY = WorkerIdentity(uuid4(), "worker@here", ["default"], 1)


def _nothing_runs_here(_: list[RunningAttempt]) -> None:
    """Look after no attempts."""


def _nothing_to_end() -> None:
    """Have no child to end."""


@pytest.fixture
def upkeep(settings: Settings) -> Iterator[Upkeep]:
    """Start upkeep with a quick pulse, and return once its worker is registered."""
    settings.HEARTBEAT_SECONDS = BEAT_SECONDS
    settings.LEASE_SECONDS = LEASE_SECONDS
    settings.RETENTION_SECONDS = RETENTION_SECONDS
    upkeep = Upkeep(IDENTITY, look_after=_nothing_runs_here, lease_lost=_nothing_to_end)
    yield upkeep
    upkeep.stop()


@contextmanager
def held(statement: str) -> Iterator[None]:
    """While inside, another transaction has the locks that this statement takes."""
    other = psycopg2.connect(**connection.get_connection_params())
    try:
        with other.cursor() as cursor:
            cursor.execute(statement)
        yield
    finally:
        other.close()


def blocked_seconds(word: str) -> float:
    """For how long a statement with this word in it has waited for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE %s",
            [f"%{word}%"],
        )
        return float(cursor.fetchone()[0])


def has_beaten_since(moment: datetime) -> bool:
    """Whether the worker has given a sign of life after that."""
    return WorkerProcess.objects.filter(last_heartbeat_at__gt=moment).exists()


def test_the_lease_is_kept_however_long_a_chore_takes(upkeep: Upkeep, owner: User):
    old = finished(stored(owner))
    Task.objects.filter(id=old.id).update(finished_at=datetime.now(UTC) - timedelta(seconds=2 * RETENTION_SECONDS))

    with held("SELECT 1 FROM tasks_event FOR UPDATE"):
        upkeep.start()
        wait_for(lambda: blocked_seconds("DELETE FROM tasks_event") > LEASE_SECONDS, what="the prune to be held up")
        beaten = WorkerProcess.objects.get().last_heartbeat_at
        wait_for(lambda: has_beaten_since(beaten), what="a heartbeat meanwhile")
        assert blocked_seconds("DELETE FROM tasks_event") > LEASE_SECONDS
        worker = WorkerProcess.objects.get()
        assert worker.lease_expires_at > lifecycle.now()

    wait_for(lambda: not Task.objects.filter(id=old.id).exists(), what="the end of the prune")


def test_nobody_is_rescued_for_a_lease_after_the_own_heartbeats_were_held_up(upkeep: Upkeep, owner: User):
    lost, other = stored(owner), uuid4()
    upkeep.start()
    wait_for(WorkerProcess.objects.exists, what="the worker to be registered")

    with held(f"SELECT 1 FROM tasks_workerprocess WHERE incarnation = '{IDENTITY.incarnation}' FOR UPDATE"):
        wait_for(lambda: blocked_seconds("tasks_workerprocess") > 5 * BEAT_SECONDS, what="heartbeats held up")
        lifecycle.register_worker(other, name="other", queues=["default"], concurrency=1, lease_seconds=-1)
        assert lifecycle.claim(lost.id, claim_id=uuid4(), incarnation=other, worker="other", pid=1)
        released_at = time.monotonic()

    wait_for(lambda: Task.objects.get(id=lost.id).status != TaskStatus.RUNNING, what="the rescue")
    assert time.monotonic() - released_at >= LEASE_SECONDS


def test_old_tasks_are_found_for_pruning_by_an_index():
    with planned_anew("tasks_task"):
        with CaptureQueriesContext(connection) as queries:
            lifecycle.prune(RETENTION_SECONDS, 10)
        [search] = [query["sql"] for query in queries if "finished_at" in query["sql"]]
        plan = explain(search)

    assert "task_finished" in plan
