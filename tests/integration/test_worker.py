"""Attempts as a pool child makes them, on the real store."""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from tasks import lifecycle
from tasks.models import Attempt, Event, Task
from tasks.registry import RejectTask, TaskCancelled, TaskContext
from tasks.status import AttemptStatus, FailureCode, LogLevel, TaskStatus
from tasks.worker import attempt
from tasks.worker.celery_task import run as celery_run
from tests.integration.worker_scene import Scene, last_attempt
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Number:
    """A result."""

    number: int
    """Any."""


def events(task: Task) -> list[Event]:
    return list(Event.objects.filter(task_id=task.id).order_by("version"))


# ---- how an attempt comes out


def test_a_result_is_stored_with_its_task(scene: Scene):
    def double(number: int) -> Number:
        return Number(2 * number)

    task = scene.run(double, {"number": 21})

    assert task.status == TaskStatus.SUCCEEDED
    assert task.result == {"number": 42}
    assert last_attempt(task).status == AttemptStatus.SUCCEEDED
    assert [event.status for event in events(task)] == ["QUEUED", "RUNNING", "SUCCEEDED"]


def test_an_async_handler_runs(scene: Scene):
    async def double(number: int) -> Number:
        await asyncio.sleep(0)
        return Number(2 * number)

    assert scene.run(double, {"number": 21}).result == {"number": 42}


def boom() -> None:
    raise ValueError("boom")


def exit_process() -> None:
    sys.exit(3)


def interrupt() -> None:
    raise KeyboardInterrupt


def exhaust_memory() -> None:
    raise MemoryError


def reject() -> None:
    raise RejectTask("not this one")


def cancel_itself() -> None:
    raise TaskCancelled("nobody asked")


def forget_result() -> Number:
    return None  # type: ignore[return-value]


def return_nul() -> str:
    return "a\x00b"


def return_surrogate() -> str:
    return "a\ud800b"


def return_nan() -> float:
    return float("nan")


def return_too_much() -> str:
    return "x" * 300_000


async def boom_later() -> None:
    await asyncio.sleep(0)
    raise ValueError("boom")


async def exit_later() -> None:
    await asyncio.sleep(0)
    sys.exit(3)


@pytest.mark.parametrize(
    ("handler", "code", "status"),
    [
        pytest.param(boom, FailureCode.EXCEPTION, TaskStatus.RETRYING, id="raises"),
        pytest.param(boom_later, FailureCode.EXCEPTION, TaskStatus.RETRYING, id="async, raises"),
        pytest.param(exit_process, FailureCode.EXCEPTION, TaskStatus.RETRYING, id="calls sys.exit"),
        pytest.param(exit_later, FailureCode.EXCEPTION, TaskStatus.RETRYING, id="async, calls sys.exit"),
        pytest.param(interrupt, FailureCode.EXCEPTION, TaskStatus.RETRYING, id="raises KeyboardInterrupt"),
        pytest.param(cancel_itself, FailureCode.EXCEPTION, TaskStatus.RETRYING, id="cancels itself"),
        pytest.param(exhaust_memory, FailureCode.OUT_OF_MEMORY, TaskStatus.RETRYING, id="out of memory"),
        pytest.param(reject, FailureCode.REJECTED, TaskStatus.FAILED, id="rejects"),
        pytest.param(forget_result, FailureCode.INVALID_RESULT, TaskStatus.FAILED, id="None for a result"),
        pytest.param(return_nul, FailureCode.INVALID_RESULT, TaskStatus.FAILED, id="NUL in the result"),
        pytest.param(return_surrogate, FailureCode.INVALID_RESULT, TaskStatus.FAILED, id="surrogate in the result"),
        pytest.param(return_nan, FailureCode.INVALID_RESULT, TaskStatus.FAILED, id="NaN for a result"),
        pytest.param(return_too_much, FailureCode.INVALID_RESULT, TaskStatus.FAILED, id="a result too large"),
    ],
)
def test_a_handler_that_fails_ends_its_attempt_and_nothing_else(
    scene: Scene, handler: Callable[[], Any], code: FailureCode, status: TaskStatus
):
    task = scene.run(handler)

    assert task.status == status
    assert task.failure["code"] == code
    ended = last_attempt(task)
    assert ended.status == AttemptStatus.FAILED
    assert ended.failure["traceback"]
    assert "worker/attempt.py" not in ended.failure["traceback"] or code is FailureCode.INVALID_RESULT
    assert scene.slots[0].claim_id is None


def test_the_last_attempt_that_fails_fails_the_task(scene: Scene):
    assert scene.run(boom, max_attempts=1).status == TaskStatus.FAILED


def test_a_handler_that_takes_too_long_times_out(scene: Scene):
    def sleep() -> None:
        time.sleep(20)

    task = scene.run(sleep, timeout_seconds=0.2)

    assert task.failure["code"] == FailureCode.TIMEOUT
    assert "0.2 seconds" in task.failure["message"]
    assert "in sleep" in last_attempt(task).failure["traceback"]


def test_an_unknown_type_is_rejected(scene: Scene):
    task = scene.run(boom, type="gone")

    assert task.status == TaskStatus.FAILED
    assert task.failure["code"] == FailureCode.REJECTED
    assert "'gone'" in task.failure["message"]


def test_stored_arguments_that_no_longer_fit_are_rejected(scene: Scene):
    def double(number: int) -> Number:
        return Number(2 * number)

    task = scene.run(double, {"number": "many"})

    assert task.failure["code"] == FailureCode.REJECTED
    assert "number" in task.failure["message"]


def test_a_handler_that_prints_a_megabyte_harms_nothing(scene: Scene, capfd: pytest.CaptureFixture[str]):
    def chat() -> None:
        print("x" * 1_000_000)  # noqa: T201 - what is under test

    assert scene.run(chat).status == TaskStatus.SUCCEEDED
    assert len(capfd.readouterr().out) > 1_000_000


# ---- deliveries


def test_a_second_delivery_does_not_start_a_second_attempt(scene: Scene):
    calls: list[int] = []

    def count() -> None:
        calls.append(1)

    task = scene.run(count)
    attempt.run(task.id, scene.place)

    assert calls == [1]
    assert Attempt.objects.filter(task=task).count() == 1


@pytest.mark.parametrize("message", ["no id", "", "null"])
def test_a_message_without_a_tasks_id_is_logged_and_left(message: str, caplog: pytest.LogCaptureFixture):
    celery_run(message)

    assert "without a task's id" in caplog.text


def test_an_unknown_task_is_left_quietly(scene: Scene, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "tasks.worker")

    attempt.run(uuid4(), scene.place)

    assert caplog.text == ""


# ---- what a handler reports


def test_all_reports_are_stored_in_order_before_the_event_that_ends_the_attempt(scene: Scene):
    def report(context: TaskContext) -> None:
        for number in range(300):
            context.emit(f"{number},")
            context.log(str(number), LogLevel.DEBUG)
            context.report_progress(number / 299)

    task = scene.run(report)

    told = events(task)
    assert [event.version for event in told] == list(range(1, task.version + 1))
    assert [event.body["message"] for event in told if event.kind == "LOG"] == [str(n) for n in range(300)]
    assert "".join(event.body["chunk"] for event in told if event.kind == "OUTPUT") == "".join(
        f"{n}," for n in range(300)
    )
    assert told[-1].status == TaskStatus.SUCCEEDED
    assert told[-1].progress["fraction"] == 1.0


def test_reports_survive_an_attempt_that_fails(scene: Scene):
    def report_and_fail(context: TaskContext) -> None:
        context.log("last words")
        raise ValueError("boom")

    assert [event.kind for event in events(scene.run(report_and_fail))] == ["STATUS", "STATUS", "LOG", "STATUS"]


def test_what_the_store_cannot_hold_is_replaced(scene: Scene):
    def report(context: TaskContext) -> None:
        context.log("a\x00b")
        context.emit("a\ud800b")
        context.report_progress(0.5, "a\x00b")

    task = scene.run(report)

    assert {event.body.get("message") or event.body.get("chunk") for event in events(task)} >= {"a\ufffdb"}
    assert task.progress["message"] == "a\ufffdb"


# ---- cancels


def test_a_running_task_is_cancelled_at_the_next_report(scene: Scene):
    def work(context: TaskContext) -> None:
        lifecycle.request_cancel(context.task_id)
        wait_for(lambda: context.report_progress(0.5), what="the cancel")

    task = scene.run(work)

    assert task.status == TaskStatus.CANCELLED
    assert last_attempt(task).status == AttemptStatus.CANCELLED


def test_a_handler_may_stop_in_its_own_way(scene: Scene):
    def work(context: TaskContext) -> Number:
        claim_id = scene.slots[0].claim_id
        assert claim_id is not None
        lifecycle.request_cancel(context.task_id)
        scene.slots[0].ask_cancel(claim_id)
        assert context.is_cancelled()
        return Number(1)

    task = scene.run(work)

    assert task.status == TaskStatus.SUCCEEDED


def test_a_failure_after_a_cancel_is_a_cancel(scene: Scene):
    def work(context: TaskContext) -> None:
        lifecycle.request_cancel(context.task_id)
        raise ValueError("boom")

    task = scene.run(work)

    assert task.status == TaskStatus.CANCELLED


def test_an_async_handler_is_cancelled_while_it_waits(scene: Scene):
    async def work(context: TaskContext) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, _request_cancel, context.task_id)
        claim_id = scene.slots[0].claim_id
        assert claim_id is not None
        scene.slots[0].ask_cancel(claim_id)
        await asyncio.sleep(20)

    assert scene.run(work).status == TaskStatus.CANCELLED


def _request_cancel(task_id: UUID) -> None:
    lifecycle.request_cancel(task_id)
    connection.close()


def test_an_attempt_that_somebody_else_ended_records_nothing_more(scene: Scene):
    def work(context: TaskContext) -> Number:
        (running,) = lifecycle.running_attempts(scene.place.incarnation)
        lifecycle.give_back(running.claim)
        context.emit("too late")
        return Number(1)

    task = scene.run(work)

    assert task.status == TaskStatus.QUEUED
    assert task.result is None
    assert [event.kind for event in events(task)] == ["STATUS"] * 3


# ---- the store away


def test_a_result_outlives_a_restart_of_the_database(scene: Scene, caplog: pytest.LogCaptureFixture):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server that could end a session")

    def cut_off() -> Number:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        thread = threading.Thread(target=_terminate, args=[pid])
        thread.start()
        thread.join()
        return Number(1)

    task = scene.run(cut_off)

    assert task.status == TaskStatus.SUCCEEDED
    assert "database is away" in caplog.text
    assert Attempt.objects.filter(task=task).count() == 1


def _terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    connection.close()
