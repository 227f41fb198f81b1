"""Workers that are told to stop with work in hand: they finish what they can, and give back the rest."""

import signal
from collections.abc import Callable
from typing import Any, Final

import pytest

from project.servers import Child
from tests.e2e.faults.crew import PATIENCE_SECONDS, Crew, Tally, now, seconds_between, send_to_session
from tests.e2e.faults.scene import Result, rounds

GRACE_SECONDS: Final = 2.0
"""As the scene sets it."""
LONG: Final = {"outlive": {"firstSeconds": 90, "laterSeconds": 0.05}}
"""A first attempt that no time of grace suffices for."""
BRIEF: Final = {"outlive": {"firstSeconds": GRACE_SECONDS / 2, "laterSeconds": 0.05}}
SHORT_TASKS: Final = 30


def to_main(sent_signal: signal.Signals) -> Callable[[Child], None]:
    """Tell the main process alone, as a container's runtime does."""
    return lambda worker: worker.send(sent_signal)


def to_all(sent_signal: signal.Signals) -> Callable[[Child], None]:
    """Tell its children as well, as systemd and a terminal do."""
    return lambda worker: send_to_session(worker, sent_signal)


@pytest.mark.parametrize(
    ("tell", "finishes_what_is_brief"),
    [
        pytest.param(to_main(signal.SIGTERM), True, id="SIGTERM"),
        pytest.param(to_all(signal.SIGTERM), False, id="SIGTERM to all its processes"),
        pytest.param(to_all(signal.SIGINT), True, id="Ctrl-C"),
        pytest.param(to_main(signal.SIGQUIT), False, id="SIGQUIT"),
    ][: rounds(1, 4)],
)
def test_a_worker_that_is_told_to_stop_finishes_what_it_can_and_gives_back_the_rest(
    crew: Crew,
    report: Callable[[Result], None],
    request: pytest.FixtureRequest,
    tell: Callable[[Child], None],
    finishes_what_is_brief: bool,
):
    """What is given back counts for nothing. Nothing waits for a lease to run out, or for a message to be missed."""
    tally = Tally(f"{request.node.callspec.id}, worker with work in hand")
    for _ in range(rounds(1, 3)):
        [worker] = crew.have(1)
        long, brief = in_hand = [*submit(crew, LONG), *submit(crew, BRIEF)]
        waiting = submit(crew, {"observe": {"seconds": 0.02}}, SHORT_TASKS)
        crew.await_testimonies(in_hand, 1, "start")

        tell(worker)
        assert worker.wait(GRACE_SECONDS + 20) == 0
        stopped_at = now()
        own = crew.incarnation(worker)
        known = [told for tolds in crew.attempts(in_hand + waiting).values() for told in tolds]
        assert all(told.finished_at for told in known if told.incarnation == own)
        [fresh] = crew.have(1)
        crew.scene.await_ends(in_hand + waiting, PATIENCE_SECONDS)

        audit = crew.scene.audit(in_hand + waiting)
        tally.add(audit, seconds_between(stopped_at, crew.attempts(in_hand)[long][-1].started_at))
        audit.assert_whole()
        stories = crew.stories(in_hand + waiting)
        assert stories[long] == ["RETURNED", "SUCCEEDED"]
        if finishes_what_is_brief:
            assert stories[brief] == ["SUCCEEDED"]
        assert set(map(tuple, stories.values())) <= {("SUCCEEDED",), ("RETURNED", "SUCCEEDED")}
        assert "the broker lost" not in crew.scene.log_of(fresh)
    report(tally.result)


def submit(crew: Crew, task: dict[str, Any], count: int = 1) -> list[str]:
    """Submit tasks that may be attempted once."""
    return crew.scene.submit_many(crew.api, count, task, maxAttempts=1)
