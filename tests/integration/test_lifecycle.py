"""The store's promises, kept on PostgreSQL and on SQLite alike (`TASKFEED_TEST_STORE`)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from tasks import lifecycle
from tasks.lifecycle import Claim, Logged, Output, Progressed
from tasks.models import Attempt, Event, Task, User
from tasks.status import AttemptStatus, LogLevel, TaskStatus
from tests.integration.rows import BOOM, claimed, new_task, statuses, stored, try_claim

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("legal_transitions")]


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
