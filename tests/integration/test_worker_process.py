"""A whole worker as Celery runs it: its main process, its children, and how they end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from project.servers import Valkey
from tasks import broker
from tasks.models import Attempt, Task, WorkerProcess
from tasks.status import AttemptStatus, FailureCode, TaskPriority, TaskStatus
from tests.integration import rows
from tests.integration.worker_scene import last_attempt
from tests.waiting import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

ROOT: Final = Path(__file__).resolve().parent.parent.parent
START_SECONDS: Final = 60.0


def database_url() -> str:
    """Where the tests' own database is."""
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{known['NAME']}"
    login = f"{quote(known['USER'])}:{quote(known['PASSWORD'])}" if known["PASSWORD"] else quote(known["USER"])
    return f"postgres://{login}@{known['HOST']}:{known['PORT']}/{known['NAME']}"


@contextmanager
def started_worker(log: Path, redis_url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a worker of one child, with little patience; yield it once it does upkeep."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "REDIS_URL": redis_url,
        "SHUTDOWN_GRACE_SECONDS": "0.3",
        "WORKER_CONCURRENCY": "1",
    }
    command = [sys.executable, "-m", "project.worker", "--hostname", "under-test@here"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        wait_for(WorkerProcess.objects.exists, START_SECONDS)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with started_worker(tmp_path / "worker.log", settings.REDIS_URL) as worker:
        yield worker


def submit(**arguments: Any) -> Task:
    """Store and enqueue a `wait` task with these arguments."""
    task = stored(**arguments)
    assert broker.send([broker.Message(task.id, task.queue, TaskPriority.NORMAL, 1)])
    return task


def stored(**arguments: Any) -> Task:
    """Store a `wait` task, which upkeep will enqueue."""
    return rows.stored(None, type="wait", arguments=arguments, retry_delay_seconds=0.1)


def await_status(task: Task, status: TaskStatus) -> None:
    """Wait until the task stands there."""
    wait_for(lambda: Task.objects.get(id=task.id).status == status, START_SECONDS)


def test_a_worker_runs_a_task_and_says_when_it_has_stopped(worker: "subprocess.Popen[bytes]"):
    task = submit(seconds=0.1)

    await_status(task, TaskStatus.SUCCEEDED)
    worker.terminate()

    assert worker.wait(20) == 0
    assert WorkerProcess.objects.get().stopped_at is not None


@pytest.mark.skipif(sys.platform != "linux", reason="sessions are weighed on Linux alone")
def test_a_worker_gives_way_with_its_children_and_as_a_session(worker: "subprocess.Popen[bytes]"):
    task = submit(seconds=600)
    await_status(task, TaskStatus.RUNNING)

    due = min(os.getpriority(os.PRIO_PROCESS, 0) + settings.WORKER_NICE, 19)
    assert [os.getpriority(os.PRIO_PROCESS, pid) for pid in (worker.pid, last_attempt(task).pid)] == [due, due]
    session = Path(f"/proc/{worker.pid}/autogroup")
    if session.exists() and os.geteuid() == 0:  # others are heard once in a tenth of a second, all together
        assert session.read_text().split()[1:] == ["nice", str(settings.WORKER_NICE)]


@pytest.mark.usefixtures("worker")
def test_a_killed_child_is_replaced_and_its_task_retried():
    task = submit(seconds=0.5)
    await_status(task, TaskStatus.RUNNING)

    os.kill(last_attempt(task).pid, signal.SIGKILL)
    await_status(task, TaskStatus.SUCCEEDED)

    first, second = Attempt.objects.filter(task=task).order_by("number")
    assert first.failure["code"] == FailureCode.WORKER_LOST
    assert second.status == AttemptStatus.SUCCEEDED
    assert first.incarnation == second.incarnation
    assert first.pid != second.pid


def test_a_worker_that_is_told_to_stop_gives_back_what_it_cannot_finish(worker: "subprocess.Popen[bytes]"):
    task = submit(seconds=600)
    await_status(task, TaskStatus.RUNNING)

    worker.terminate()

    assert worker.wait(20) == 0
    task.refresh_from_db()
    assert task.status == TaskStatus.QUEUED
    assert task.attempts_returned == 1
    assert last_attempt(task).status == AttemptStatus.RETURNED


def test_a_killed_worker_takes_its_children_along(worker: "subprocess.Popen[bytes]"):
    if sys.platform != "linux":
        pytest.skip("only Linux kills a child with its parent")
    task = submit(seconds=600)
    await_status(task, TaskStatus.RUNNING)
    pid = last_attempt(task).pid

    worker.kill()
    worker.wait()

    wait_for(lambda: not _lives(pid))


def test_a_worker_outlives_its_broker_and_goes_on_when_it_is_back(tmp_path: Path):
    valkey = Valkey(tmp_path / "valkey", durable=False)
    valkey.start()
    try:
        with started_worker(tmp_path / "worker.log", valkey.url) as worker:
            task = stored(seconds=1)
            await_status(task, TaskStatus.RUNNING)
            valkey.stop()
            await_status(task, TaskStatus.SUCCEEDED)

            valkey.start(port=valkey.port)
            await_status(stored(seconds=0), TaskStatus.SUCCEEDED)
            assert worker.poll() is None
    finally:
        valkey.stop()


def _lives(pid: int) -> bool:
    """Tell whether somebody else's child lives; where nobody reaps orphans it stays behind as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
