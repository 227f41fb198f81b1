"""A server dies, or is told to stop, under those who watch: each comes back with its cursor and misses nothing."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest

from tests.e2e.faults.scene import Result, Scene, rounds
from tests.e2e.faults.watching import Clients, Line, Watch, first_told, holes_in
from tests.e2e.support import Api, Databases

WATCHES = rounds(50, 200)
WATCHES_PER_LINE = 10
TASKS = 8
RUNS = 4
SECONDS = 3.0
BUSY = {"observe": {"seconds": SECONDS, "beatsPerSecond": 20}}
PATIENCE_SECONDS = 60.0
SERVICE_RESTART = 1012

Report = Callable[[Result], None]


@pytest.fixture(scope="module")
def scene(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a running scene that this module's tests share: each leaves it with a server."""
    scene = Scene(tmp_path_factory.mktemp("servers"), databases.make())
    try:
        scene.start_valkey()
        server, worker = scene.spawn_server(), scene.spawn_worker(4)
        scene.await_server(server)
        scene.await_worker(worker)
        yield scene
    finally:
        scene.stop()


class Audience:
    """Those who watch one round's tasks: each task many times, some that run one themselves, and feeds of all."""

    def __init__(self, clients: Clients, api: Api, apis: Sequence[Api], ids: Sequence[str]) -> None:
        self.watches = [Watch.of_task(ids[number % len(ids)]) for number in range(WATCHES)]
        self.runs = [Watch.of_run(BUSY) for _ in range(RUNS)]
        self.feeds = [Watch.of_all() for _ in range(2)]
        groups = [self.watches[at : at + WATCHES_PER_LINE] for at in range(0, WATCHES, WATCHES_PER_LINE)]
        self.lines: list[Line] = [clients.start(apis, group) for group in (self.runs, *groups)]
        self.feed_lines = [clients.start(apis, [feed]) for feed in self.feeds]
        self._api = api
        self._clients = clients

    def await_progress(self) -> None:
        """Return when everybody is attached and has heard of work under way."""
        everybody = [*self.watches, *self.runs, *self.feeds]
        self._clients.await_fact(
            lambda: all(watch.heard for watch in everybody), PATIENCE_SECONDS, "all to be attached"
        )
        self._clients.await_fact(
            lambda: sum(len(watch.heard) for watch in everybody) > 4 * len(everybody), PATIENCE_SECONDS, "progress"
        )

    def await_ends(self, versions: Callable[[], dict[str, int]]) -> dict[str, int]:
        """Return when every operation is over and the feeds have caught up; the tasks' last versions."""
        mine = [*self.watches, *self.runs]
        self._clients.await_fact(lambda: all(watch.is_over for watch in mine), PATIENCE_SECONDS, "all ends")
        last = versions()
        for feed in self.feeds:
            self._clients.await_fact(partial(_has_all, feed, last), PATIENCE_SECONDS, "the feeds")
        for line in self.feed_lines:
            self._clients.do(line.hang_up)
        return last

    def recovered_after(self, fault_at: float) -> float:
        """Seconds from the fault to the last client's next frame."""
        again = [min((at for at in line.connected_at if at > fault_at), default=None) for line in self.lines]
        return max(at for at in again if at is not None) - fault_at

    def check(self, last: dict[str, int]) -> tuple[int, int]:
        """How many events were missed, and how many came twice to those who are promised each once."""
        missed = repeated = 0
        for watch in (*self.watches, *self.runs):
            assert (watch.errors, watch.gaps) == ([], [])
            task_id = watch.heard[0].task_id or ""
            first = 1 if watch in self.runs else None
            holes, twice = holes_in(watch.versions(), first, last[task_id])
            missed, repeated = missed + holes, repeated + twice
        for feed in self.feeds:
            assert (feed.errors, feed.gaps) == ([], [])
            for task_id, told in first_told(feed).items():
                assert told == sorted(told), f"{task_id} out of order: {told}"
                missed += holes_in(told, None, last[task_id])[0]
        return missed, repeated


def _has_all(feed: Watch, last: dict[str, int]) -> bool:
    told = {(heard.task_id, heard.version) for heard in feed.heard}
    return all((task_id, version) in told for task_id, version in last.items())


def last_versions(scene: Scene, since: float) -> Callable[[], dict[str, int]]:
    """Return what asks for the versions of all tasks of this round."""
    query = f"SELECT id, version FROM tasks_task WHERE created_at >= to_timestamp({since})"
    return lambda: {str(task_id): version for task_id, version in scene.database.rows(query)}


def test_watchers_of_a_server_that_is_killed_miss_nothing_and_hear_nothing_twice(scene: Scene, report: Report):
    played, missed, repeated, recovery = rounds(1, 6), 0, 0, 0.0
    api = scene.api.register("killed")
    for _ in range(played):
        begun_at = time.time()
        ids = scene.submit_many(api, TASKS, BUSY)
        with Clients() as clients:
            audience = Audience(clients, api, [api], ids)
            audience.await_progress()

            assert scene.server is not None
            killed_at = time.time()
            scene.kill(scene.server)
            scene.await_server(scene.spawn_server())
            last = audience.await_ends(last_versions(scene, begun_at))

        found = audience.check(last)
        missed, repeated = missed + found[0], repeated + found[1]
        recovery = max(recovery, audience.recovered_after(killed_at))
        assert len(last) == TASKS + RUNS
    report(
        Result(
            "web server SIGKILLed under live subscriptions",
            played,
            played * (TASKS + RUNS),
            0,
            missed,
            repeated,
            recovery,
            f"{WATCHES + RUNS} subscriptions of one task each, 2 feeds",
        )
    )
    assert (missed, repeated) == (0, 0)


def test_watchers_of_a_server_that_is_told_to_stop_go_on_at_another_one(scene: Scene, report: Report):
    played, missed, repeated, recovery = rounds(1, 4), 0, 0, 0.0
    api = scene.api.register("stopped")
    leaving = scene.beside(WEB_PROCESSES="2")
    for _ in range(played):
        first = leaving.spawn_server()
        leaving.await_server(first)
        begun_at = time.time()
        ids = scene.submit_many(api, TASKS, BUSY)
        with Clients() as clients:
            audience = Audience(clients, api, [Api(leaving.base_url, api.token), api], ids)
            audience.await_progress()

            stopped_at = time.time()
            first.send(signal.SIGTERM)
            last = audience.await_ends(last_versions(scene, begun_at))

        found = audience.check(last)
        missed, repeated = missed + found[0], repeated + found[1]
        recovery = max(recovery, audience.recovered_after(stopped_at))
        lines = [*audience.lines, *audience.feed_lines]
        assert {code for line in lines for code in line.codes} == {SERVICE_RESTART}
        assert first.wait(10) is not None
    report(
        Result(
            "web server (two processes) SIGTERMed under live subscriptions",
            played,
            played * (TASKS + RUNS),
            0,
            missed,
            repeated,
            recovery,
            "closed with 1012, resumed on another server",
        )
    )
    assert (missed, repeated) == (0, 0)
