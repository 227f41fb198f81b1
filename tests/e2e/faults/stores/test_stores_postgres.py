"""PostgreSQL away under load, and servers killed: errors are honest, and nothing is lost, doubled or rescued."""

import os
import signal
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from project.servers import Postgres
from tests.e2e.faults.clients import TASK, Follower, Submitter
from tests.e2e.faults.conftest import Report
from tests.e2e.faults.crew import children_of
from tests.e2e.faults.scene import LEASE_SECONDS, Result, Scene, rounds
from tests.e2e.support import Api, wait_for

ROUNDS = rounds(1, 5)
OUTAGE_SECONDS = LEASE_SECONDS + 1
"""Long enough that every lease runs out in it."""
LINES = 80
END_SECONDS = 120.0
UNAVAILABLE = ("UNAVAILABLE", "the database can't be used just now, try again in a moment")


def restarted(how: signal.Signals) -> Callable[[Postgres], None]:
    """Stop it in that way, and start it again after every lease has run out."""

    def outage(postgres: Postgres) -> None:
        assert postgres.child is not None
        postgres.child.send(how)
        assert postgres.child.wait(20) is not None
        await_end_of_outage()
        postgres.start_again()

    return outage


def frozen(postgres: Postgres) -> None:
    """Stop all its processes in whatever they do, and let them go on after every lease has run out."""
    assert postgres.child is not None
    assert postgres.child.pid is not None
    stopped = [postgres.child.pid]
    os.kill(postgres.child.pid, signal.SIGSTOP)  # so that it begins no other
    try:
        for pid in children_of(postgres.child):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
        await_end_of_outage()
        assert {state_of(pid) for pid in stopped} == {"T"}
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def state_of(pid: int) -> str:
    """As proc(5) has it: `T` is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def await_end_of_outage() -> None:
    begun_at = time.monotonic()
    wait_for(lambda: time.monotonic() > begun_at + OUTAGE_SECONDS, 2 * OUTAGE_SECONDS, "the end of the outage")


@dataclass(frozen=True)
class Outage:
    """A way to be away, for longer than any lease."""

    told: str
    be_away: Callable[[Postgres], None]
    refusals: Collection[tuple[str, str]]
    """What submissions in it are answered: code and message."""


OUTAGES = [
    Outage("restarted by SIGINT", restarted(signal.SIGINT), {UNAVAILABLE}),
    Outage("restarted by SIGQUIT, as after a crash", restarted(signal.SIGQUIT), {UNAVAILABLE}),
    Outage("frozen, for less than MAX_OPERATION_SECONDS", frozen, set()),
]


@pytest.mark.parametrize("outage", [pytest.param(outage, id=outage.told) for outage in OUTAGES])
def test_postgresql_is_away_under_load(scene: Scene, postgres: Postgres, api: Api, report: Report, outage: Outage):
    longest, tasks, refused = 0.0, 0, 0
    for number in range(ROUNDS):
        running = scene.submit_many(api, 2, {"recite": {"lines": LINES, "seconds": OUTAGE_SECONDS + 2}})
        # They end in the outage: their results wait for its end.
        running += scene.submit_many(api, 2, {"oversleep": {"seconds": OUTAGE_SECONDS / 2}})
        scene.await_start(running)
        submitters = [
            Submitter(api, f"{number}-{client}", {"observe": {}}, over_socket=client > 1).start() for client in range(4)
        ]
        with Follower(api, TASK, id=running[0]) as follower:
            follower.await_frames(3)
            await_answers(submitters)

            outage.be_away(postgres)
            back_at = time.monotonic()
            await_answers(submitters)
            for submitter in submitters:
                submitter.stop()
            ids = [*running, *(task_id for submitter in submitters for task_id in submitter.ids.values())]
            scene.await_ends(ids, END_SECONDS)
            longest = max(longest, time.monotonic() - back_at)
            follower.await_end(20)

        assert_stored_once_a_key(scene, submitters)
        scene.audit(ids).assert_whole()
        assert attempts_of(scene, running) == [(task_id, 1, "SUCCEEDED") for task_id in sorted(running)]
        for task_id in running[:2]:
            assert lines_of(scene, task_id) == [str(line) for line in range(1, LINES + 1)]
        assert (follower.gaps, follower.errors) == ([], [])
        assert follower.versions == list(range(follower.versions[0], api.task(running[0])["version"] + 1))
        refusals = [refusal for submitter in submitters for refusal in submitter.refusals]
        assert {(refusal["extensions"]["code"], refusal["message"]) for refusal in refusals} == outage.refusals
        tasks, refused = tasks + len(ids), refused + len(refusals)
    scene.assert_all_live()
    note = f"{refused} submissions were answered UNAVAILABLE, and sent again"
    report(Result(f"PostgreSQL {outage.told}", ROUNDS, tasks, 0, 0, 0, longest, note))


def test_a_killed_server_has_stored_what_it_answered_and_a_repeated_key_stores_nothing_twice(
    scene: Scene, api: Api, report: Report
):
    kills, longest = rounds(1, 10), 0.0
    submitters = [Submitter(api, f"client-{number}", {"observe": {}}).start() for number in range(6)]
    for _ in range(kills):
        await_answers(submitters)
        assert scene.server is not None
        scene.kill(scene.server)
        killed_at = time.monotonic()
        scene.await_server(scene.spawn_server())
        await_answers(submitters)
        longest = max(longest, time.monotonic() - killed_at)
    for submitter in submitters:
        submitter.stop()
    ids = [task_id for submitter in submitters for task_id in submitter.ids.values()]
    scene.await_ends(ids, END_SECONDS)

    unanswered = sum(submitter.unanswered for submitter in submitters)
    assert unanswered > 0, "no request was under way"
    assert_stored_once_a_key(scene, submitters)
    scene.audit(ids).assert_whole()
    note = f"{unanswered} requests had no answer and were repeated with their keys"
    report(Result("server killed while submissions flow", kills, len(ids), 0, 0, 0, longest, note))


def await_answers(submitters: Sequence[Submitter], count: int = 5) -> None:
    """Return when each of them has some more answers."""
    wanted = [len(submitter.ids) + count for submitter in submitters]
    wait_for(
        lambda: all(len(submitter.ids) >= least for submitter, least in zip(submitters, wanted, strict=True)),
        60,
        f"answers, got {[submitter.refusals[-1:] for submitter in submitters]}",
    )


def assert_stored_once_a_key(scene: Scene, submitters: Sequence[Submitter]) -> None:
    """Fail unless there is one task for each key, and that is the one which the client was told of."""
    answered = {key: task_id for submitter in submitters for key, task_id in submitter.ids.items()}
    keys = ", ".join(f"'{key}'" for key in answered)
    ids = ", ".join(f"'{task_id}'" for task_id in answered.values())
    rows = scene.database.rows(
        f"SELECT idempotency_key, id::text FROM tasks_task WHERE idempotency_key IN ({keys})"
        f" AND owner_id = (SELECT owner_id FROM tasks_task WHERE id IN ({ids}) LIMIT 1)"
    )
    assert sorted(rows) == sorted(answered.items())


def attempts_of(scene: Scene, ids: Sequence[str]) -> list[tuple[str, int, str]]:
    """Every attempt of these tasks."""
    places = ", ".join(f"'{task_id}'" for task_id in ids)
    return sorted(
        scene.database.rows(f"SELECT task_id::text, number, status FROM tasks_attempt WHERE task_id IN ({places})")
    )


def lines_of(scene: Scene, task_id: str) -> list[str]:
    """What a task has logged."""
    rows = scene.database.rows(
        f"SELECT body->>'message' FROM tasks_event WHERE task_id = '{task_id}' AND kind = 'LOG' ORDER BY version"
    )
    return [line for (line,) in rows]
