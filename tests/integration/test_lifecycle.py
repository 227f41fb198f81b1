"""The store's promises, kept on PostgreSQL and on SQLite alike (`TASKFEED_TEST_STORE`)."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from tasks import lifecycle
from tasks.broker import Message
from tasks.errors import StoreUnavailable
from tasks.lifecycle import Claim, Logged, Output, Progressed
from tasks.models import Attempt, Event, Task, User
from tasks.status import TRANSITIONS, AttemptStatus, LogLevel, TaskPriority, TaskStatus
from tests.integration.hub_tools import on_postgresql
from tests.integration.rows import BOOM, claimed, new_task, stored, try_claim
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_but_legal_transitions() -> Iterator[None]:
    """Whatever a test did: each transition that the log tells is one of the table."""
    yield
    told = Event.objects.filter(kind="STATUS", body__from__isnull=False).values_list("body__from", "status")
    assert {(old, new) for old, new in told if old} <= set(TRANSITIONS)


def statuses(task: Task) -> list[str]:
    """The statuses as the log tells them."""
    return list(Event.objects.filter(task_id=task.id, kind="STATUS").order_by("id").values_list("status", flat=True))


def assert_log_is_whole(task: Task) -> None:
    versions = list(Event.objects.filter(task_id=task.id).order_by("id").values_list("version", flat=True))
    assert versions == list(range(1, Task.objects.get(id=task.id).version + 1))


def test_a_task_runs_from_queued_to_its_result(owner: User):
    task = stored(owner)

    claim = claimed(task)
    assert lifecycle.succeed(claim, {"text": "cba"})

    assert statuses(task) == ["QUEUED", "RUNNING", "SUCCEEDED"]
    task.refresh_from_db()
    assert (task.status, task.result, task.attempt, task.claim_id) == ("SUCCEEDED", {"text": "cba"}, 1, None)
    assert task.started_at is not None
    assert task.finished_at is not None
    assert_log_is_whole(task)
    assert Attempt.objects.get(task=task).status == AttemptStatus.SUCCEEDED
    assert Event.objects.get(task_id=task.id, version=3).result == {"text": "cba"}
    assert Event.objects.get(task_id=task.id, version=3).body == {"from": "RUNNING", "failed": False}


def test_second_delivery_does_not_start_a_second_attempt(owner: User):
    task = stored(owner)

    claims = [try_claim(task) for _ in range(3)]

    assert [claim is not None for claim in claims] == [True, False, False]
    assert Attempt.objects.filter(task=task).count() == 1


def test_of_many_claims_at_once_one_wins(owner: User):
    task = stored(owner)
    won: list[Claim] = []
    together = threading.Barrier(4)

    def take() -> None:
        together.wait(10)
        claim = try_claim(task)
        if claim:
            won.append(claim)
        connection.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(won) == 1
    assert_log_is_whole(task)


def test_a_lost_claim_changes_nothing(owner: User):
    task = stored(owner)
    old = claimed(task)
    lifecycle.give_back(old)
    new = claimed(task)

    late = [
        lifecycle.succeed(old, {}),
        lifecycle.fail(old, BOOM, retry_in_seconds=None),
        lifecycle.cancelled(old),
        lifecycle.give_back(old),
        lifecycle.record(old, [Logged(LogLevel.INFO, "late")]).held,
    ]

    assert late == [False] * 5
    task.refresh_from_db()
    assert (task.status, task.claim_id) == ("RUNNING", new.claim_id)
    assert_log_is_whole(task)


def test_a_failure_with_a_delay_rests_and_comes_back(owner: User):
    task = stored(owner)

    assert lifecycle.fail(claimed(task), BOOM, retry_in_seconds=0)
    task.refresh_from_db()
    assert task.status == "RETRYING"
    assert task.next_attempt_at is not None
    assert [message.task_id for message in lifecycle.promote_due(10)] == [task.id]
    claim = claimed(task)
    assert lifecycle.succeed(claim, {})

    assert claim.attempt == 2
    assert statuses(task) == ["QUEUED", "RUNNING", "RETRYING", "QUEUED", "RUNNING", "SUCCEEDED"]
    failed = Attempt.objects.get(task=task, number=1)
    assert failed.failure == {
        "code": "EXCEPTION",
        "message": "boom",
        "exception": "ValueError",
        "traceback": "Traceback: boom",
    }
    assert_log_is_whole(task)


def test_what_is_not_due_stays(owner: User):
    soon = datetime.now(UTC) + timedelta(hours=1)
    task = stored(owner, status=TaskStatus.SCHEDULED, scheduled_for=soon, due_at=soon)

    assert lifecycle.promote_due(10) == []
    assert try_claim(task) is None


def test_an_expired_task_is_refused_by_the_claim_itself(owner: User):
    task = stored(owner, expires_at=datetime.now(UTC) - timedelta(seconds=1))

    assert try_claim(task) is None
    assert lifecycle.expire_overdue(10) == [task.id]
    assert statuses(task) == ["QUEUED", "EXPIRED"]


def test_a_task_that_was_started_in_time_does_not_expire(owner: User):
    task = stored(owner, expires_at=datetime.now(UTC) + timedelta(hours=1))
    lifecycle.fail(claimed(task), BOOM, retry_in_seconds=0)
    Task.objects.filter(id=task.id).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))

    assert lifecycle.expire_overdue(10) == []
    lifecycle.promote_due(10)
    assert try_claim(task) is not None


@pytest.mark.parametrize("status", [TaskStatus.QUEUED, TaskStatus.SCHEDULED, TaskStatus.RETRYING])
def test_cancelling_a_waiting_task_ends_it_at_once(owner: User, status: TaskStatus):
    task = stored(owner, status=status, due_at=None if status == "QUEUED" else datetime.now(UTC) - timedelta(1))

    assert lifecycle.request_cancel(task.id) is None

    assert statuses(task)[-1] == "CANCELLED"
    assert try_claim(task) is None
    assert lifecycle.promote_due(10) == []
    assert lifecycle.request_cancel(task.id) is TaskStatus.CANCELLED


def test_cancelling_a_running_task_asks_and_lets_it_end(owner: User):
    task = stored(owner)
    claim = claimed(task)

    assert lifecycle.request_cancel(task.id) is None
    assert lifecycle.request_cancel(task.id) is None

    task.refresh_from_db()
    assert (task.status, task.cancel_requested_at is not None) == ("RUNNING", True)
    assert lifecycle.cancel_requested(claim) is True
    assert Event.objects.filter(task_id=task.id, kind="CANCEL_REQUEST").count() == 1
    assert lifecycle.cancelled(claim)
    assert statuses(task)[-1] == "CANCELLED"


@pytest.mark.parametrize(
    ("end", "final"),
    [
        pytest.param(lambda claim: lifecycle.succeed(claim, {}), "SUCCEEDED", id="success"),
        pytest.param(lambda claim: lifecycle.fail(claim, BOOM, retry_in_seconds=1), "CANCELLED", id="failure to retry"),
        pytest.param(lambda claim: lifecycle.fail(claim, BOOM, retry_in_seconds=None), "CANCELLED", id="last failure"),
        pytest.param(lifecycle.give_back, "CANCELLED", id="given back"),
        pytest.param(lambda claim: lifecycle.end_lost(claim, "gone"), "CANCELLED", id="worker lost"),
    ],
)
def test_with_a_cancel_asked_only_success_is_not_cancelled(owner: User, end: Any, final: str):
    task = stored(owner)
    claim = claimed(task)
    lifecycle.request_cancel(task.id)

    assert end(claim)

    assert statuses(task)[-1] == final
    assert_log_is_whole(task)


def test_a_returned_attempt_does_not_count(owner: User):
    task = stored(owner, max_attempts=1, attempt_allowance=1)
    assert lifecycle.give_back(claimed(task))

    claim = claimed(task)

    assert (claim.attempt, claim.attempts_counted, claim.is_last_attempt) == (2, 1, True)


def test_a_retried_task_goes_on_counting(owner: User):
    task = stored(owner, max_attempts=1, attempt_allowance=1)
    lifecycle.fail(claimed(task), BOOM, retry_in_seconds=None)

    assert lifecycle.retry(task.id) is None

    task.refresh_from_db()
    assert (task.status, task.failure, task.finished_at, task.max_attempts) == ("QUEUED", None, None, 2)
    claim = claimed(task)
    assert (claim.attempt, claim.is_last_attempt) == (2, True)
    assert lifecycle.retry(task.id) is TaskStatus.RUNNING


def test_what_a_handler_reports_is_stored_in_order(owner: User):
    task = stored(owner)
    claim = claimed(task)

    answer = lifecycle.record(
        claim,
        [
            Logged(LogLevel.INFO, "one"),
            Progressed(0.1, "a"),
            Output("chunk"),
            Progressed(0.5, "b"),
            Logged(LogLevel.ERROR, "two"),
        ],
    )

    assert (answer.held, answer.cancel_requested) == (True, False)
    events = list(Event.objects.filter(task_id=task.id, version__gt=2).order_by("id"))
    assert [(event.kind, event.body) for event in events] == [
        ("PROGRESS", {}),
        ("LOG", {"level": "INFO", "message": "one"}),
        ("OUTPUT", {"chunk": "chunk"}),
        ("LOG", {"level": "ERROR", "message": "two"}),
    ]
    assert {(event.progress["fraction"], event.progress["message"]) for event in events} == {(0.5, "b")}
    assert_log_is_whole(task)


def test_a_thousand_lines_at_once_stay_in_order(owner: User):
    task = stored(owner)
    claim = claimed(task)

    lifecycle.record(claim, [Logged(LogLevel.INFO, str(number)) for number in range(1000)])

    lines = Event.objects.filter(task_id=task.id, kind="LOG").order_by("version").values_list("body", flat=True)
    assert [body["message"] for body in lines] == [str(number) for number in range(1000)]
    assert_log_is_whole(task)


def test_of_fifty_tasks_with_one_key_one_is_stored(owner: User):
    tasks = [new_task(owner, idempotency_key="key") for _ in range(50)]

    events = [event for start in (0, 25) for event in lifecycle.insert(tasks[start : start + 25])]

    assert len(events) == 1
    assert Task.objects.filter(owner=owner).count() == 1


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


def test_a_claim_whose_answer_was_lost_is_made_once(owner: User):
    task, claim_id = stored(owner), uuid4()

    claims = [
        lifecycle.claim(task.id, claim_id=claim_id, incarnation=uuid4(), worker="worker@here", pid=1) for _ in range(2)
    ]

    assert claims[0] == claims[1]
    assert Attempt.objects.filter(task=task).count() == 1


def test_the_backoff_starts_anew_with_a_retried_task(owner: User):
    task = stored(owner, max_attempts=2, attempt_allowance=2)
    lifecycle.fail(claimed(task), BOOM, retry_in_seconds=0)
    lifecycle.promote_due(10)
    second = claimed(task)
    lifecycle.fail(second, BOOM, retry_in_seconds=None)
    lifecycle.retry(task.id)

    third = claimed(task)

    assert (second.failures_in_a_row, third.failures_in_a_row) == (2, 1)


def test_transactions_with_the_same_keys_never_deadlock(owner: User):
    keys = [f"key {number}" for number in range(40)]
    together = threading.Barrier(2)

    def insert(order: list[str]) -> None:
        for _ in range(10):
            tasks = [new_task(owner, idempotency_key=key) for key in order]
            together.wait(20)
            lifecycle.insert(tasks)
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(insert, keys), pool.submit(insert, keys[::-1])]:
            done.result(60)

    assert Task.objects.filter(owner=owner).count() == len(keys)


def test_pruning_takes_old_final_tasks_alone(owner: User):
    old, kept = stored(owner), stored(owner)
    lifecycle.succeed(claimed(old), {})

    assert lifecycle.prune(3600, 10) == 0
    assert lifecycle.prune(-1, 10) == 1

    assert list(Task.objects.values_list("id", flat=True)) == [kept.id]
    assert not Event.objects.filter(task_id=old.id).exists()
