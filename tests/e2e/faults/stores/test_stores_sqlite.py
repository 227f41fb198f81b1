"""`make run` as it comes, on SQLite and the embedded Valkey: killed, restored from a copy, and with its disk full."""

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.faults.clients import FEED, TASK, Follower
from tests.e2e.faults.conftest import Report
from tests.e2e.faults.scene import LEASE_SECONDS, Result, Scene, rounds
from tests.e2e.support import ROOT, Api, Database, GraphQLErrors, wait_for
from tests.e2e.test_up import Up

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds and limits processes as Linux does")

END_SECONDS = 120.0
WAITING = rounds(30, 300)
RUN_SECONDS = rounds(4, 15)
"""More than it takes to submit the others."""
SLOTS = 2


class Home:
    """One DATA_DIR, and the `manage.py up` that runs on it."""

    def __init__(self, directory: Path) -> None:
        self.data_dir = directory / "data"
        self.data_dir.mkdir()
        self.file = self.data_dir / "taskfeed.sqlite3"
        self.environment = {
            "DATABASE_URL": f"sqlite:///{self.file}",
            "DJANGO_SETTINGS_MODULE": "tests.e2e.settings",
            "WORKER_CONCURRENCY": str(SLOTS),
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "HEARTBEAT_SECONDS": "0.5",
            "ENQUEUE_GRACE_SECONDS": "2",
        }
        self.scene = Scene(directory, Database(f"sqlite:///{self.file}"))
        """For its eyes alone: `up` starts the processes."""
        self.up = self.start()
        self.user = Api(self.up.base_url).register()

    @property
    def api(self) -> Api:
        """The one user, at the port of this start."""
        return Api(self.up.base_url, self.user.token)

    def start(self) -> Up:
        """Start it, again on what is there, and return when it is ready."""
        self.up = Up(self.data_dir, **self.environment)
        return self.up.await_ready()

    def kill(self, *, everything: bool) -> None:
        """SIGKILL the supervisor, or all that it has started as well, and wait until all of it is gone."""
        supervisor = self.up.child.pid
        assert supervisor is not None
        for pid in [supervisor, *(self.up.family() if everything else ())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.up.child.wait(5)
        wait_for(lambda: not self.up.family(), 30, "the end of the whole family")

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self.up.child.stop(60)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A start that the tests here share."""
    made = Home(tmp_path_factory.mktemp("home"))
    yield made
    made.stop()


def test_make_run_that_is_killed_and_started_again_has_lost_nothing(home: Home, report: Report):
    times, longest = rounds(1, 8), 0.0
    for number in range(times):
        ids = home.scene.submit_many(home.api, SLOTS, {"observe": {"seconds": RUN_SECONDS, "beatsPerSecond": 5}})
        home.scene.await_start(ids)
        ids += home.scene.submit_many(home.api, WAITING, {"observe": {}})

        home.kill(everything=number % 2 == 0)
        killed_at = time.monotonic()
        home.start()
        home.scene.await_ends(ids, END_SECONDS)

        longest = max(longest, time.monotonic() - killed_at)
        home.scene.audit(ids).assert_whole()
        assert home.scene.count(ids, "attempt > 1") == SLOTS, "nothing was running"
    report(Result("`make run` killed, on SQLite", times, times * (SLOTS + WAITING), 0, 0, 0, longest))


def test_after_a_restore_of_the_file_and_new_epoch_every_older_cursor_is_told_so(home: Home, report: Report):
    [rests] = home.scene.submit_many(home.api, 1, {"observe": {}}, delaySeconds=1_000_000)
    copy = home.data_dir / "copy.sqlite3"
    with closing(sqlite3.connect(home.file)) as standing, closing(sqlite3.connect(copy)) as copied:
        standing.backup(copied)
    with Follower(home.api, FEED) as feed:
        feed.await_frames(1)
        home.api("mutation ($id: ID!) { cancelTask(input: {id: $id}) { task { status } } }", id=rests)
        home.scene.await_ends(home.scene.submit_many(home.api, 10, {"observe": {}}), END_SECONDS)
        wait_for(lambda: len(feed.frames) > 10, 20, "the feed")
        ahead = feed.cursor
    with Follower(home.api, TASK, id=rests) as task:
        task.await_end(20)
    head = highest_event(home)

    home.stop()
    for file in home.data_dir.glob("taskfeed.sqlite3*"):
        file.unlink()
    shutil.copy(copy, home.file)
    command = [sys.executable, str(ROOT / "manage.py"), "new_epoch"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **home.environment}, check=True, timeout=60)
    home.start()

    assert highest_event(home) < head
    assert_told(home.api, rests, ahead, task.cursor)
    while highest_event(home) <= head:
        home.scene.await_ends(home.scene.submit_many(home.api, 10, {"observe": {}}), END_SECONDS)
    assert_told(home.api, rests, ahead, task.cursor)
    report(Result("SQLite restored from a copy", 1, 10, 0, 0, 0, None, "cursors: EPOCH_CHANGED"))


def test_a_full_disk_is_said_and_leaves_nothing_half_written(home: Home, report: Report):
    key = "disk full"

    with disk_full(home.up.pid_of("project.server")):
        with pytest.raises(GraphQLErrors) as refused:
            home.api.submit({"observe": {}}, idempotencyKey=key)
        stored = home.scene.database.rows(f"SELECT count(*) FROM tasks_task WHERE idempotency_key = '{key}'")
        readable = home.api("{ tasks(first: 1) { nodes { id } } }")
    ids = [home.api.submit({"observe": {}}, idempotencyKey=key)["id"]]
    home.scene.await_ends(ids, END_SECONDS)

    assert refused.value.codes == ["UNAVAILABLE"]
    assert stored == [(0,)]
    assert readable["tasks"]["nodes"]
    home.scene.audit(ids).assert_whole()
    report(Result("disk full, on SQLite", 1, 1, 0, 0, 0, None, "UNAVAILABLE; reads go on"))


@contextmanager
def disk_full(pid: int) -> Iterator[None]:
    """Let that process write to no file."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def highest_event(home: Home) -> int:
    """The end of the log."""
    [(highest,)] = home.scene.database.rows("SELECT max(id) FROM tasks_event")
    return int(highest)


def assert_told(api: Api, task_id: str, feed_cursor: str, task_cursor: str) -> None:
    """Fail unless both cursors are answered with a gap that says why, before anything else."""
    with Follower(api, FEED, feed_cursor) as feed, Follower(api, TASK, task_cursor, id=task_id) as task:
        feed.await_frames(1)
        task.await_frames(2)
        assert [follower.frames[0]["gap"] for follower in (feed, task)] == [{"reason": "EPOCH_CHANGED"}] * 2
        assert (task.frames[1]["kind"], task.frames[1]["task"]["status"]) == ("SNAPSHOT", "SCHEDULED")
