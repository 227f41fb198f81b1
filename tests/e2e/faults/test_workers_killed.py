"""Workers killed with work in hand: everything ends, and the attempts say what happened."""

import random
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Final

import pytest

from project.servers import Child
from tests.e2e.faults.crew import (
    PATIENCE_SECONDS,
    Crew,
    Tally,
    await_death,
    end_at_once,
    longest_recovery,
    longest_rescue,
    now,
)
from tests.e2e.faults.scene import RESCUE_SECONDS, Audit, Result, rounds
from tests.e2e.support import wait_for

SHORT_TASKS: Final = rounds(40, 199)
Kill = Callable[[Child], None]


def kill_main_alone(worker: Child) -> None:
    """SIGKILL the main process, as the kernel might choose to when memory runs out."""
    worker.send(signal.SIGKILL)
    worker.wait(5)


def submit_work(crew: Crew) -> list[str]:
    """Submit short tasks behind one that would hold its first worker for minutes."""
    long = crew.scene.submit_many(crew.api, 1, {"outlive": {"firstSeconds": 90, "laterSeconds": 0.05}})
    return long + crew.scene.submit_many(crew.api, SHORT_TASKS, {"observe": {"seconds": 0.05}})


def await_middle(crew: Crew, ids: list[str]) -> str:
    """Return when some of the tasks have run and others have not, with the incarnation that holds the long one."""
    share = random.uniform(0.05, 0.7)  # noqa: S311 - no secret
    wait_for(
        lambda: crew.scene.count(ids, "status = 'SUCCEEDED'") >= share * len(ids), PATIENCE_SECONDS, "some successes"
    )
    crew.await_status(ids[:1], "RUNNING")
    return crew.attempts(ids[:1])[ids[0]][0].incarnation


def check_round(crew: Crew, ids: list[str], victim: str, rescue_from: datetime) -> Audit:
    """Wait for all ends, and compare what the attempts tell with what was done to them.

    `rescue_from`: since when there was somebody to rescue them.
    """
    crew.scene.await_ends(ids, PATIENCE_SECONDS)
    audit, attempts = crew.scene.audit(ids), crew.attempts(ids)

    audit.assert_whole()
    for story in crew.stories(ids).values():
        assert story in (["SUCCEEDED"], ["WORKER_LOST", "SUCCEEDED"])
    lost = [attempt for told in attempts.values() for attempt in told if attempt.is_lost]
    assert {attempt.incarnation for attempt in lost} == {victim}
    assert len(lost) <= 2
    assert longest_rescue(attempts, rescue_from) < RESCUE_SECONDS
    return audit


@pytest.mark.parametrize(
    ("kill", "played"),
    [
        pytest.param(end_at_once, rounds(1, 10), id="the whole process group"),
        pytest.param(
            kill_main_alone,
            rounds(1, 5),
            id="the main process alone",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="elsewhere children outlive their parent"),
        ),
    ],
)
def test_a_killed_worker_s_tasks_are_run_by_its_neighbour(
    crew: Crew, report: Callable[[Result], None], request: pytest.FixtureRequest, kill: Kill, played: int
):
    tally = Tally(f"{request.node.callspec.id} killed, a second worker alive")
    for _ in range(played):
        workers = {crew.incarnation(worker): worker for worker in crew.have(2)}
        ids = submit_work(crew)

        victim = await_middle(crew, ids)
        kill(workers[victim])
        killed_at = now()

        audit = check_round(crew, ids, victim, rescue_from=killed_at)
        tally.add(audit, longest_recovery(crew.attempts(ids), killed_at))
        pids = {
            attempt.pid for told in crew.attempts(ids).values() for attempt in told if attempt.incarnation == victim
        }
        await_death(pids, 5)
    report(tally.result)


def test_when_the_only_worker_is_killed_a_fresh_one_finishes_its_tasks(crew: Crew, report: Callable[[Result], None]):
    tally = Tally("the whole process group killed, only a fresh worker afterwards")
    for _ in range(rounds(1, 10)):
        [worker] = crew.have(1)
        ids = submit_work(crew)

        victim = await_middle(crew, ids)
        end_at_once(worker)
        killed_at = now()
        crew.have(1)

        audit = check_round(crew, ids, victim, rescue_from=now())
        tally.add(audit, longest_recovery(crew.attempts(ids), killed_at))
    report(tally.result)
