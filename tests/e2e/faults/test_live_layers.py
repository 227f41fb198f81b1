"""A channel layer that loses or swaps messages: every client still hears everything, in order."""

from collections.abc import Callable

import pytest

from tests.e2e.faults.conftest import MakeScene
from tests.e2e.faults.layers import DAMAGE
from tests.e2e.faults.scene import Result, rounds
from tests.e2e.faults.watching import Clients, Watch, first_told, holes_in

TASKS = rounds(6, 60)
SOCKETS = 3
"""Each watches every task."""
PATIENCE_SECONDS = rounds(60, 120)
BUSY = {"observe": {"seconds": 1.0, "beatsPerSecond": 20}}
LAYERS = "tests.e2e.faults.layers"

Report = Callable[[Result], None]


@pytest.mark.parametrize("layer", ["DroppingLayer", "SwappingLayer"])
def test_everything_is_heard_in_order_over_a_bad_layer(make_scene: MakeScene, report: Report, layer: str):
    scene = make_scene(CHANNEL_LAYER=f"{LAYERS}.{layer}")
    scene.start()
    api = scene.api.register()
    with Clients() as clients:
        feed = Watch.of_all()
        feed_line = clients.start(api, [feed])
        clients.await_fact(lambda: feed.heard, PATIENCE_SECONDS, "the feed")
        ids = scene.submit_many(api, TASKS, BUSY)
        runs = [Watch.of_run(BUSY) for _ in range(2)]
        by_socket = [[Watch.of_task(task_id) for task_id in ids] for _ in range(SOCKETS)]
        for one in (*by_socket, runs):
            clients.start(api, one)
        watches = [watch for one in by_socket for watch in one]
        clients.await_fact(
            lambda: all(watch.is_over for watch in (*watches, *runs)), PATIENCE_SECONDS, "the end of all tasks"
        )
        last = {str(task_id): version for task_id, version in scene.database.rows("SELECT id, version FROM tasks_task")}
        clients.await_fact(
            lambda: all(version in feed.versions(task_id) for task_id, version in last.items()),
            PATIENCE_SECONDS,
            "the feed to have heard all ends",
        )
        clients.do(feed_line.hang_up)

    found = [
        holes_in(watch.versions(), 1 if watch in runs else None, last[watch.heard[0].task_id or ""])
        for watch in (*watches, *runs)
    ]
    # The feed was never resumed, so it hears nothing twice either.
    found += [holes_in(feed.versions(task_id), 1, version) for task_id, version in last.items()]
    delays = [heard.delay_seconds or 0.0 for watch in (feed, *watches) for heard in watch.heard]
    missed, repeated = sum(pair[0] for pair in found), sum(pair[1] for pair in found)
    report(
        Result(
            f"channel layer: {layer}",
            1,
            len(last),
            0,
            missed,
            repeated,
            max(delays),
            "the recovery is the longest way of an event to a client",
        )
    )
    log = "".join(scene.log_of(process) for process in (scene.server, *scene.workers) if process)
    assert log.count(DAMAGE) > TASKS
    assert "channel layer away" not in log
    assert not feed.gaps
    assert all(told == sorted(told) for told in first_told(feed).values())
    assert (missed, repeated) == (0, 0)
