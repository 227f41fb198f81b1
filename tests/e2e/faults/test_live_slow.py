"""Clients that stop reading cost a bounded amount of memory, and nobody else anything."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings

from tasks.hub import feed_source, intake, pages
from tests.e2e.faults.scene import Result, Scene, rounds
from tests.e2e.faults.watching import Clients, Line, Watch, first_told, holes_in
from tests.e2e.support import Api, Databases

LINES = rounds(5_000, 7_000)
FLOODS = 3
"""Together more than a feed may be behind."""
LINE_CHARACTERS = 1_000
FEEDS = rounds(2, 5)
WATCHERS_PER_FLOOD = rounds(1, 2)
REPLAYED = rounds(6, 12)
"""Watchers of one task with large chunks, and as many feeds."""
CHUNKS = rounds(150, 500)
CHUNK_CHARACTERS = 64 * 1024
PATIENCE_SECONDS = 60.0
NORMAL_TIMES, NORMAL_SECONDS = 3, 1.0
"""A neighbour's p99 beside stalled clients is at most so many times what it is in quiet, and so much more."""
MEBIBYTE = 1024 * 1024
OUTBOX_CHARACTERS = settings.SOCKET_OUTBOX_CHARACTERS // 4
PROCESS_BYTES = 40 * MEBIBYTE
"""What the process as a whole may gain: shared executions (16 MB), pages on their way, the allocator's leftovers. In a
flood, the events that wait for their turn besides."""
CLIENT_BYTES = OUTBOX_CHARACTERS + pages.PAGE_CHARACTERS
"""What one stalled subscription may hold: frames on their way out, and the page that it was reading."""

Report = Callable[[Result], None]


@pytest.fixture(scope="module")
def scene(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a running scene that this module's tests share."""
    outbox = str(OUTBOX_CHARACTERS)
    scene = Scene(tmp_path_factory.mktemp("slow"), databases.make(), SOCKET_OUTBOX_CHARACTERS=outbox)
    try:
        scene.start_valkey()
        server, worker = scene.spawn_server(), scene.spawn_worker(FLOODS + 1)
        scene.await_server(server)
        scene.await_worker(worker)
        yield scene
    finally:
        scene.stop()


class Memory:
    """The highest resident memory of a process while it is looked at."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self.before = self.highest = self._now()

    def look(self) -> bool:
        """Look once. Always True."""
        self.highest = max(self.highest, self._now())
        return True

    @property
    def gained(self) -> int:
        """Bytes above what it was at first."""
        return self.highest - self.before

    def __str__(self) -> str:
        return f"{self.before // MEBIBYTE} to {self.highest // MEBIBYTE} MiB"

    def _now(self) -> int:
        [line] = [line for line in self._status.read_text().splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) * 1024


@contextmanager
def looked_at(scene: Scene) -> Iterator[Memory]:
    """Look at the server's memory all the time."""
    assert scene.server is not None
    assert scene.server.pid is not None
    memory, done = Memory(scene.server.pid), threading.Event()

    def look() -> None:
        while memory.look() and not done.wait(0.05):
            pass

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield memory
    finally:
        done.set()
        looking.join()


def attached_lines(clients: Clients, api: Api, watches: list[Watch], *, stall: bool) -> list[Line]:
    """Have each on a line of its own; those that stall read no more once they have their first frame."""
    lines = [clients.start(api, [watch], small_window=stall) for watch in watches]
    for line in lines:
        clients.await_fact(partial(_has_heard, line), PATIENCE_SECONDS, "the clients to be attached")
        if stall:
            clients.do(line.stall)
    return lines


def _has_heard(line: Line) -> bool:
    return bool(line.watches[0].heard)


def p99(delays: list[float]) -> float:
    return statistics.quantiles(delays, n=100)[98]


def test_clients_that_stop_reading_cost_bounded_memory_and_come_back_whole_or_with_a_gap(scene: Scene, report: Report):
    api, neighbour = scene.api.register("slow"), scene.api.register("neighbour")
    alone = neighbours_delays(scene, neighbour)
    with looked_at(scene) as memory, Clients() as clients:
        with Clients() as readers:
            read = flooded(scene, readers, api, neighbour, stall=False)
            readers.await_fact(lambda: all(w.is_over for w in read.watchers), PATIENCE_SECONDS, "those who read")
        stalled = flooded(scene, clients, api, neighbour, stall=True)
        feeds, watchers, lines = stalled.feeds, stalled.watchers, stalled.lines
        after_flood = neighbours_delays(scene, neighbour)
        gained, figures = memory.gained, str(memory)

        read_on_at = time.time()
        for line in lines:
            clients.do(line.read_on)
        clients.await_fact(lambda: all(w.is_over for w in watchers), PATIENCE_SECONDS, "the stalled to catch up")
        clients.await_fact(lambda: all(feed.gaps for feed in feeds), PATIENCE_SECONDS, "the feeds' gaps")
        recovery = time.time() - read_on_at
        [after] = scene.submit_many(api, 1, {"observe": {}})
        clients.await_fact(lambda: all(3 in feed.versions(after) for feed in feeds), PATIENCE_SECONDS, "life again")

    missed = repeated = 0
    for watch in watchers:
        holes, twice = holes_in(watch.versions(), last=LINES + 3)
        missed, repeated = missed + holes, repeated + twice
        assert (watch.gaps, watch.errors) == ([], [])
    for feed in feeds:
        assert set(feed.gaps) == {"SLOW_SUBSCRIBER"}
        before_gap = next(number for number, heard in enumerate(feed.heard) if heard.gap)
        feed.heard = feed.heard[:before_gap]
        missed += sum(holes_in(told)[0] for told in first_told(feed).values())
    report(
        Result(
            f"clients that stop reading: {FEEDS} feeds, {len(watchers)} of busy tasks",
            1,
            FLOODS,
            0,
            missed,
            repeated,
            recovery,
            f"{FLOODS * LINES} events; server {figures}; a neighbour's p99 {p99(alone) * 1000:.0f} ms in quiet,"
            f" {p99(read.delays) * 1000:.0f} ms in the flood while the clients read,"
            f" {p99(stalled.delays) * 1000:.0f} ms while they don't, {p99(after_flood) * 1000:.0f} ms after it",
        )
    )
    assert FLOODS * LINES > feed_source.MAX_BEHIND
    assert (missed, repeated) == (0, 0)
    assert p99(stalled.delays) < NORMAL_TIMES * p99(alone) + NORMAL_SECONDS
    assert p99(after_flood) < NORMAL_TIMES * p99(alone) + NORMAL_SECONDS
    assert gained < PROCESS_BYTES + intake.MAX_TURNS_BYTES + len(lines) * CLIENT_BYTES


def test_replay_of_large_chunks_to_clients_that_do_not_read_is_bounded_in_bytes(scene: Scene, report: Report):
    api = scene.api.register("large")
    [task_id] = scene.submit_many(api, 1, {"observe": {}})
    scene.await_ends([task_id], PATIENCE_SECONDS)
    cursor = api.task(task_id, "cursor")["cursor"]
    append_chunks(scene, task_id, CHUNKS)
    with Clients() as clients, looked_at(scene) as memory:
        watches = [Watch.of_task(task_id, cursor) for _ in range(REPLAYED)]
        watches += [Watch.of_all(cursor) for _ in range(REPLAYED)]
        lines = attached_lines(clients, api, watches, stall=True)
        neighbours_delays(scene, scene.api.register("quiet"))
        gained, figures = memory.gained, str(memory)

        read_on_at = time.time()
        for line in lines:
            clients.do(line.read_on)
        clients.await_fact(
            lambda: all(sum(h.characters == CHUNK_CHARACTERS for h in watch.heard) >= CHUNKS for watch in watches),
            PATIENCE_SECONDS,
            "all chunks",
        )
        recovery = time.time() - read_on_at

    wrong = [holes_in(watch.versions(task_id), 4, CHUNKS + 3) for watch in watches]
    missed, repeated = sum(pair[0] for pair in wrong), sum(pair[1] for pair in wrong)
    report(
        Result(
            f"{len(lines)} clients that do not read what is replayed to them",
            1,
            1,
            0,
            missed,
            repeated,
            recovery,
            f"{CHUNKS} chunks of 64 KB; server {figures}",
        )
    )
    assert (missed, repeated) == (0, 0)
    assert gained < PROCESS_BYTES + len(lines) * CLIENT_BYTES


@dataclass(frozen=True)
class Flooded:
    """Clients that were attached to a flood of events, which is over."""

    feeds: list[Watch]
    watchers: list[Watch]
    lines: list[Line]
    delays: list[float]
    """Of a neighbour, while it lasted."""


def flooded(scene: Scene, clients: Clients, api: Api, neighbour: Api, *, stall: bool) -> Flooded:
    """Have tasks tell more events than a feed may be behind."""
    feeds = [Watch.of_all() for _ in range(FEEDS)]
    lines = attached_lines(clients, api, feeds, stall=stall)
    ids = scene.submit_many(api, FLOODS, {"flood": {"lines": LINES, "characters": LINE_CHARACTERS}})
    watchers = [Watch.of_task(task_id) for task_id in ids for _ in range(WATCHERS_PER_FLOOD)]
    lines += attached_lines(clients, api, watchers, stall=stall)
    delays = neighbours_delays(scene, neighbour, ids)
    scene.await_ends(ids, PATIENCE_SECONDS)
    return Flooded(feeds, watchers, lines, delays)


def neighbours_delays(scene: Scene, api: Api, beside: Sequence[str] = ()) -> list[float]:
    """Watch a little work of somebody else's, of which nothing may be missing; the seconds from event to frame.

    Again and again, as long as one of the tasks `beside` runs.
    """
    feed, goes_on = Watch.of_all(), True

    def heard_the_ends_of(ids: Sequence[str]) -> bool:
        return all(3 in feed.versions(task_id) for task_id in ids)

    with Clients() as clients:
        line = clients.start(api, [feed])
        clients.await_fact(lambda: feed.heard, PATIENCE_SECONDS, "the neighbour's feed")
        while goes_on:
            ids = scene.submit_many(api, 5 if beside else 40, {"observe": {}}, priority="HIGH")
            clients.await_fact(partial(heard_the_ends_of, ids), PATIENCE_SECONDS, "the neighbour's tasks")
            goes_on = bool(beside) and scene.count(beside, "status = 'RUNNING'") > 0
        clients.do(line.hang_up)
    assert not feed.gaps
    assert {task_id: told for task_id, told in first_told(feed).items() if told != [1, 2, 3]} == {}
    return [heard.delay_seconds for heard in feed.heard if heard.delay_seconds is not None]


def append_chunks(scene: Scene, task_id: str, count: int) -> None:
    """Store so many output events of 64 KB past the API, as a task that runs would have."""
    scene.database.rows(
        f"WITH moved AS (UPDATE tasks_task SET version = version + {count} WHERE id = '{task_id}' RETURNING *)"
        " INSERT INTO tasks_event (task_id, version, kind, at, owner_id, type, queue, body, status, attempt,"
        " max_attempts)"
        f" SELECT id, version - {count} + n, 'OUTPUT', now(), owner_id, type, queue,"
        f" jsonb_build_object('chunk', repeat(md5(n::text), {CHUNK_CHARACTERS // 32})), status, attempt, max_attempts"
        f" FROM moved, generate_series(1, {count}) AS n ORDER BY n"
    )
