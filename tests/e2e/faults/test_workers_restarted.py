"""Everything restarted at once, in any order, killed or told to stop, with work in flight and clients submitting."""

import random
import signal
import threading
from collections.abc import Callable
from typing import Any, Final

from project.servers import Child
from tests.e2e.faults.crew import PATIENCE_SECONDS, Crew, Tally, end_at_once, now, seconds_between
from tests.e2e.faults.scene import Result, rounds
from tests.e2e.support import GraphQLErrors, wait_for

TASKS: Final = rounds(40, 200)
STOP_SECONDS: Final = 15.0


class Submitter:
    """A client that goes on submitting, and keeps the ids that it was answered."""

    def __init__(self, crew: Crew) -> None:
        self._api = crew.api
        self._is_over = threading.Event()
        self.ids: list[str] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def await_more(self, when: str) -> None:
        """Return when three more were answered."""
        until = len(self.ids) + 3
        wait_for(lambda: len(self.ids) >= until, PATIENCE_SECONDS, f"submissions {when}")

    def end(self) -> None:
        """Submit no more."""
        self._is_over.set()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._is_over.wait(0.05):
            try:
                self.ids.append(self._api.submit({"observe": {"seconds": 0.02}})["id"])
            except (OSError, ValueError, GraphQLErrors):
                continue  # the server is just away: nothing was promised


def stop(child: Child, sent_signal: signal.Signals) -> None:
    if sent_signal is signal.SIGKILL:
        end_at_once(child)
    else:
        child.send(sent_signal)


def restart_everything(crew: Crew, workers: list[Child]) -> str:
    """Stop all of it, each in its way and all at the same time, and start it again in another order."""
    scene = crew.scene
    store = scene.valkey.child
    assert store
    assert scene.server
    running: dict[str, Child] = {"server": scene.server, "store": store}
    running |= {f"worker {number}": worker for number, worker in enumerate(workers, 1)}
    starts: dict[str, Callable[[], Any]] = {"server": scene.spawn_server, "store": scene.start_valkey}
    starts |= {f"worker {number}": crew.spawn for number in range(1, 1 + len(workers))}
    down, up = random.sample(list(running), len(running)), random.sample(list(starts), len(starts))
    signals = {name: random.choice((signal.SIGKILL, signal.SIGTERM)) for name in down}  # noqa: S311 - no secret
    for name in down:
        stop(running[name], signals[name])
    for child in running.values():
        assert child.wait(STOP_SECONDS) is not None
    for name in up:
        starts[name]()
    return f"{', '.join(f'{name} {signals[name].name}' for name in down)}; then {', '.join(up)}"


def test_everything_is_restarted_at_once_in_any_order_and_all_that_was_answered_for_ends(
    crew: Crew, report: Callable[[Result], None]
):
    tally = Tally("server, workers and store restarted at once, in any order, killed or told to stop")
    for _ in range(rounds(1, 8)):
        workers = crew.have(2)
        long = crew.scene.submit_many(crew.api, 2, {"outlive": {"firstSeconds": 90, "laterSeconds": 0.05}})
        crew.await_testimonies(long, 1, "start")
        ids = long + crew.scene.submit_many(crew.api, TASKS, {"observe": {"seconds": 0.05}})
        ids += crew.scene.submit_many(crew.api, 10, {"observe": {}}, delaySeconds=2)
        submitter = Submitter(crew)
        try:
            submitter.await_more("at first")
            order = restart_everything(crew, workers)
            restarted_at = now()
            submitter.await_more(f"after {order}")
        finally:
            submitter.end()
        ids += submitter.ids
        crew.scene.await_ends(ids, 2 * PATIENCE_SECONDS)

        audit = crew.scene.audit(ids)
        starts = [told.started_at for tolds in crew.attempts(long).values() for told in tolds[1:]]
        tally.add(audit, max((seconds_between(restarted_at, at) for at in starts), default=None))
        assert not audit.lost + audit.holes + audit.overlaps, order
        audit.assert_whole()
        for story in crew.stories(ids).values():
            assert set(story[:-1]) <= {"WORKER_LOST", "RETURNED"}, order
    report(tally.result)
