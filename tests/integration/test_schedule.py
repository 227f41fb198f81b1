"""What time brings to stored tasks: due, lost, rescued, pruned; on PostgreSQL and on SQLite alike."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from tasks import lifecycle
from tasks.broker import Message
from tasks.errors import StoreUnavailable
from tasks.models import Attempt, Event, Task, User
from tasks.status import TaskPriority, TaskStatus
from tests.integration.hub_tools import on_postgresql
from tests.integration.rows import claimed, new_task, statuses, stored
from tests.waiting import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("legal_transitions")]


def test_many_due_tasks_are_promoted_once_each(owner: User):
    past = datetime.now(UTC) - timedelta(seconds=1)
    tasks = [new_task(owner, status=TaskStatus.SCHEDULED, scheduled_for=past, due_at=past) for _ in range(300)]
    lifecycle.insert(tasks)
    promoted: list[UUID] = []

    def promote() -> None:
        while due := lifecycle.promote_due(40):
            promoted.extend(message.task_id for message in due)
        connection.close()

    threads = [threading.Thread(target=promote) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(promoted) == sorted(task.id for task in tasks)


def test_attempts_of_a_worker_without_a_lease_are_rescued(owner: User):
    alive, dead = uuid4(), uuid4()
    lifecycle.register_worker(alive, name="a", queues=["default"], concurrency=1, lease_seconds=60)
    lifecycle.register_worker(dead, name="b", queues=["default"], concurrency=1, lease_seconds=-1)
    kept, lost = stored(owner), stored(owner)
    assert lifecycle.claim(kept.id, claim_id=uuid4(), incarnation=alive, worker="a", pid=1)
    assert lifecycle.claim(lost.id, claim_id=uuid4(), incarnation=dead, worker="b", pid=1)

    assert lifecycle.rescue_lost(10, lease_seconds=60) == 1

    assert (statuses(kept)[-1], statuses(lost)[-1]) == ("RUNNING", "RETRYING")
    assert Attempt.objects.get(task=lost).failure["code"] == "WORKER_LOST"
    assert lifecycle.heartbeat(dead, lease_seconds=60) is False
    assert lifecycle.heartbeat(alive, lease_seconds=60) is True


@on_postgresql
def test_a_question_for_lost_attempts_that_waited_itself_ends_none(owner: User):
    dead = uuid4()
    lifecycle.register_worker(dead, name="b", queues=["default"], concurrency=1, lease_seconds=-1)
    task = stored(owner)
    assert lifecycle.claim(task.id, claim_id=uuid4(), incarnation=dead, worker="b", pid=1)
    patience = 0.1
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE tasks_workerprocess IN ACCESS EXCLUSIVE MODE")
            rescued = pool.submit(_rescued_within, patience)
            wait_for(_waits_for_a_lock)
            waits_since = time.monotonic()
            wait_for(lambda: time.monotonic() > waits_since + patience)
        with pytest.raises(StoreUnavailable, match="to name lost attempts"):
            rescued.result(30)

    assert statuses(task)[-1] == "RUNNING"
    assert lifecycle.rescue_lost(10, lease_seconds=60, within_seconds=30) == 1


def _rescued_within(seconds: float) -> int:
    try:
        return lifecycle.rescue_lost(10, lease_seconds=60, within_seconds=seconds)
    finally:
        connection.close()


def _waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees the activity of its first look
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(cursor.fetchone()[0])


def test_sent_tasks_are_marked_and_the_others_found(owner: User):
    sent, unsent, running = stored(owner), stored(owner), stored(owner)
    claimed(running)

    given_back = stored(owner)
    messages = [Message(task.id, "default", TaskPriority.NORMAL, 1) for task in (sent, running, given_back)]
    lifecycle.give_back(claimed(given_back))

    lifecycle.mark_enqueued(messages)

    assert {message.task_id for message in lifecycle.take_unsent(0, 10)} == {unsent.id, given_back.id}
    assert lifecycle.take_unsent(0, 10) == []
    assert Task.objects.get(id=running.id).enqueued_at is None


def test_what_could_not_be_sent_counts_as_unsent_again(owner: User):
    stored(owner)
    messages = lifecycle.take_unsent(0, 10)

    lifecycle.mark_unsent(messages)

    assert lifecycle.take_unsent(0, 10) == messages


def test_only_what_was_sent_before_the_next_message_is_lost(owner: User):
    task = stored(owner)
    lifecycle.mark_enqueued([Message(task.id, "default", TaskPriority.NORMAL, 1)])
    sent_at = Task.objects.get(id=task.id).enqueued_at
    assert sent_at is not None

    def take(moment: datetime) -> list[UUID]:
        return [message.task_id for message in lifecycle.take_lost("default", TaskPriority.NORMAL, moment, 10)]

    assert take(sent_at - timedelta(seconds=1)) == []
    assert take(sent_at + timedelta(seconds=1)) == [task.id]


def test_pruning_takes_old_final_tasks_alone(owner: User):
    old, kept = stored(owner), stored(owner)
    lifecycle.succeed(claimed(old), {})

    assert lifecycle.prune(3600, 10) == 0
    assert lifecycle.prune(-1, 10) == 1

    assert list(Task.objects.values_list("id", flat=True)) == [kept.id]
    assert not Event.objects.filter(task_id=old.id).exists()
