"""Redis is only the fast path: killed, emptied, set back or frozen, it takes no task and no event along."""

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.e2e.faults.clients import TASK, Follower
from tests.e2e.faults.conftest import Report
from tests.e2e.faults.scene import Result, Scene, rounds
from tests.e2e.faults.stores.conftest import SLOTS
from tests.e2e.support import Api, wait_for

ROUNDS = rounds(1, 3)
QUEUED = rounds(100, 1_000)
RUNNING = 2 * SLOTS
RUN_SECONDS = rounds(3, 15)
AWAY_SECONDS = rounds(4, 20)
SUBMISSIONS_PER_SECOND = 10
END_SECONDS = 120.0


def log_of(scene: Scene) -> Path:
    """Redis' append-only file, without what its last rewrite left."""
    [file] = (scene.valkey.directory / "appendonlydir").glob("*.incr.aof")
    return file


def emptied(scene: Scene, _size: int) -> None:
    shutil.rmtree(scene.valkey.directory / "appendonlydir")


def with_its_file(_scene: Scene, _size: int) -> None:
    """Leave everything as it was."""


def set_back(scene: Scene, size: int) -> None:
    """Take away what came after `size`, but for a torn end."""
    with log_of(scene).open("r+b") as file:
        file.truncate(size + 7)


@pytest.mark.parametrize("change", [emptied, with_its_file, set_back])
def test_redis_that_is_killed_in_the_middle_of_work_takes_no_task_along(
    scene: Scene, api: Api, report: Report, change: Callable[[Scene, int], None]
):
    longest, at_work = 0.0, RUNNING
    for _ in range(ROUNDS):
        ids = scene.submit_many(api, RUNNING, {"observe": {"seconds": RUN_SECONDS}})
        scene.await_start(ids)
        ids += scene.submit_many(api, QUEUED // 2, {"observe": {}})
        size = log_of(scene).stat().st_size
        ids += scene.submit_many(api, QUEUED // 2, {"observe": {}})

        at_work = min(at_work, scene.count(ids, "status = 'RUNNING'"))
        killed_at = time.monotonic()
        scene.kill(scene.store)
        change(scene, size)
        scene.start_valkey()
        scene.await_ends(ids, END_SECONDS)

        longest = max(longest, time.monotonic() - killed_at)
        scene.audit(ids).assert_whole()
    scene.assert_all_live()
    name = f"Redis killed and back {change.__name__.replace('_', ' ')}"
    note = f"{at_work} running and {QUEUED} queued when it was killed"
    report(Result(name, ROUNDS, ROUNDS * (QUEUED + RUNNING), 0, 0, 0, longest, note))


def wait_until(moment: float) -> None:
    """Return when `time.monotonic` has come there."""
    wait_for(lambda: time.monotonic() >= moment, AWAY_SECONDS + 10, "a moment")


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    """Refuse connections."""
    scene.kill(scene.store)
    try:
        yield
    finally:
        scene.start_valkey()


@contextmanager
def frozen(scene: Scene) -> Iterator[None]:
    """Take connections and never answer."""
    scene.store.send(signal.SIGSTOP)
    try:
        yield
    finally:
        scene.store.send(signal.SIGCONT)


@pytest.mark.parametrize("away", [killed, frozen])
def test_without_redis_tasks_are_taken_in_and_what_runs_is_still_seen_live(
    scene: Scene, api: Api, report: Report, away: Callable[[Scene], AbstractContextManager[None]]
):
    [running] = scene.submit_many(api, 1, {"observe": {"seconds": AWAY_SECONDS + 2, "beatsPerSecond": 5}})
    seconds: list[float] = []
    ids: list[str] = []

    with Follower(api, TASK, id=running) as follower:
        follower.await_frames(3)
        before = len(follower.late_seconds)
        with away(scene):
            away_since = time.monotonic()
            for number in range(SUBMISSIONS_PER_SECOND * AWAY_SECONDS):
                wait_until(away_since + number / SUBMISSIONS_PER_SECOND)
                begun_at = time.monotonic()
                ids.append(api.submit({"observe": {}})["id"])
                seconds.append(time.monotonic() - begun_at)
        late = follower.late_seconds[before:]
        returned_at = time.monotonic()
        scene.await_ends([running, *ids], END_SECONDS)
        recovery = time.monotonic() - returned_at
        follower.await_end(20)

    scene.audit([running, *ids]).assert_whole()
    assert sorted(seconds)[len(seconds) // 2] < 0.5
    assert max(seconds) < 5
    assert len(late) > AWAY_SECONDS, "live updates stopped"
    assert max(late) < 5
    assert follower.gaps == []
    assert follower.versions == list(range(follower.versions[0], api.task(running)["version"] + 1))
    scene.assert_all_live()
    p99 = sorted(seconds)[int(len(seconds) * 0.99)]
    note = f"submitTask p99 {1000 * p99:.0f} ms, max {1000 * max(seconds):.0f} ms; live {max(late):.1f} s late at most"
    report(Result(f"Redis {away.__name__} for {AWAY_SECONDS} s", 1, 1 + len(ids), 0, 0, 0, recovery, note))
