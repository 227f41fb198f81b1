"""A machine that does to tasks whatever may be done to them, in any order, and looks after each step what stands."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

from django.db import connection
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from uuid_utils.compat import uuid7

from tasks import lifecycle
from tasks.hub import position
from tasks.lifecycle import Claim, Failure, Logged, Output, Progressed
from tasks.models import Attempt, Event, EventLog, Task, User, WorkerProcess
from tasks.status import FailureCode, LogLevel, TaskStatus
from tests.integration.lifecycle_ledger import Ledger

T = TypeVar("T")

BOOM = Failure(FailureCode.EXCEPTION, "boom", "ValueError", "Traceback: boom")
LEASE = 60.0
ENTRIES = st.lists(
    st.sampled_from([Progressed(0.5, "half"), Progressed(None, None), Logged(LogLevel.INFO, "line"), Output("chunk")]),
    max_size=4,
)
# Ends that come now or were due already, or never come within a test.
EXPIRIES = st.sampled_from([None, None, -1.0, 0.01, 3600.0])
DELAYS = st.sampled_from([None, None, None, -1.0, 3600.0])
ENDS = st.sampled_from(["succeed", "fail", "fail for good", "cancelled", "give back", "lost"])


class Hands:
    """Three threads with a connection each, for what happens at the same moment."""

    COUNT = 3

    def __init__(self) -> None:
        self._threads = [ThreadPoolExecutor(1) for _ in range(self.COUNT)]

    def at_once(self, acts: Sequence[Callable[[], T]]) -> list[T]:
        """Do all of them, each on a thread of its own, from the same moment on."""
        together = threading.Barrier(len(acts))

        def act(what: Callable[[], T]) -> T:
            together.wait(20)
            return what()

        under_way = [thread.submit(act, what) for thread, what in zip(self._threads, acts, strict=False)]
        return [done.result(60) for done in under_way]

    def let_go(self) -> None:
        """Close the connections and end the threads."""
        for thread in self._threads:
            thread.submit(lambda: connection.close()).result(20)  # noqa: PLW0108 - of that thread, not of this one
            thread.shutdown()


@contextmanager
def hands() -> Iterator[Hands]:
    """Hands for one test."""
    made = Hands()
    try:
        yield made
    finally:
        made.let_go()


def end(claim: Claim, how: str) -> bool:
    """End an attempt as the engine does it: whether another one is due is the claim's to say."""
    match how:
        case "succeed":
            return lifecycle.succeed(claim, {"text": "done"})
        case "fail":
            return lifecycle.fail(claim, BOOM, retry_in_seconds=None if claim.is_last_attempt else 0)
        case "fail for good":
            return lifecycle.fail(claim, BOOM, retry_in_seconds=None)
        case "cancelled":
            return lifecycle.cancelled(claim)
        case "give back":
            return lifecycle.give_back(claim)
        case _:
            return lifecycle.end_lost(claim, "gone")


class LifecycleMachine(RuleBasedStateMachine):
    """Every rule is a step that some process may take at any time; the ledger judges what the store then has."""

    hands: Hands
    """Set by the test, since a machine is made anew for each example."""

    tasks = Bundle("tasks")
    claims = Bundle("claims")

    @initialize()
    def begin(self) -> None:
        """An empty store, two workers that keep their lease, and one that has lost it."""
        position.bind_epoch()
        self.owner = User.objects.create(username=f"user-{uuid4()}")
        self.alive, self.dead = uuid4(), uuid4()
        for incarnation, lease in ((self.alive, LEASE), (self.dead, -1.0)):
            lifecycle.register_worker(incarnation, name="w", queues=["default"], concurrency=1, lease_seconds=lease)
        self.ledger = Ledger()

    def teardown(self) -> None:
        """Leave the store empty to the next example."""
        for model in (Event, Attempt, Task, WorkerProcess):
            model.objects.all()._raw_delete("default")  # noqa: SLF001 - as quick as can be

    # ---- taking in -------------------------------------------------------------------------------------------------

    @rule(target=tasks, delay=DELAYS, expiry=EXPIRIES, attempts=st.integers(1, 3))
    def submit(self, delay: float | None, expiry: float | None, attempts: int) -> UUID:
        """A task of its own."""
        task = self._new(delay, expiry, attempts)
        assert [event.task_id for event in lifecycle.insert([task])] == [task.id]
        self.ledger.stored(task.id)
        return task.id

    @rule(target=tasks, key=st.sampled_from(["one", "two"]), racers=st.integers(1, Hands.COUNT))
    def submit_with_key(self, key: str, racers: int) -> UUID | None:
        """Of all with one key one is stored, whoever comes first."""
        stands = Task.objects.filter(owner=self.owner, idempotency_key=key).exists()
        rivals = [self._new(None, None, 2, idempotency_key=key) for _ in range(racers)]

        answers = self.hands.at_once([lambda task=task: lifecycle.insert([task]) for task in rivals])  # type: ignore[misc]

        stored = [event.task_id for events in answers for event in events]
        assert len(stored) == (0 if stands else 1), f"{len(stored)} tasks have the key {key!r}"
        if not stored:
            return None
        self.ledger.stored(stored[0])
        return stored[0]

    # ---- attempts --------------------------------------------------------------------------------------------------

    @rule(target=claims, task_id=tasks, deliveries=st.integers(1, Hands.COUNT), is_dead=st.booleans())
    def deliver(self, task_id: UUID | None, deliveries: int, is_dead: bool) -> Claim | None:
        """The broker's message comes to so many workers at once: one attempt begins, or none."""
        if task_id is None:
            return None
        claimable = self.ledger.is_claimable(task_id)
        worker = self.dead if is_dead else self.alive

        claims = self.hands.at_once([lambda: self._claim(task_id, worker)] * deliveries)

        made = [claim for claim in claims if claim is not None]
        assert len(made) <= 1, f"{len(made)} claims of one task at once"
        assert claimable is None or len(made) == claimable
        return made[0] if made else None

    @rule(claim=claims)
    def ask_for_a_claim_again(self, claim: Claim | None) -> None:
        """Its answer was lost: while it stands, the same claim comes, and no new attempt begins."""
        if claim is None or not self.ledger.is_running(claim):
            return
        again = lifecycle.claim(claim.task_id, claim_id=claim.claim_id, incarnation=self.alive, worker="w", pid=1)
        assert again is not None
        assert (again, again.version >= claim.version) == (replace(claim, version=again.version), True)

    @rule(claim=claims, entries=ENTRIES)
    def record(self, claim: Claim | None, entries: list[Any]) -> None:
        """A handler reports, perhaps long after its claim was lost."""
        if claim is None:
            return
        held = self.ledger.is_running(claim)
        assert lifecycle.record(claim, entries).held == held

    @rule(claim=claims, how=ENDS)
    def finish(self, claim: Claim | None, how: str) -> None:
        """An attempt ends once; an end that comes too late changes nothing."""
        if claim is None:
            return
        held = self.ledger.is_running(claim)
        assert end(claim, how) == held

    @rule(claim=claims, ends=st.lists(ENDS, min_size=2, max_size=Hands.COUNT))
    def finish_at_once(self, claim: Claim | None, ends: list[str]) -> None:
        """Of several ends of one attempt (its child, its worker, a rescuer) exactly one is recorded."""
        if claim is None:
            return
        held = self.ledger.is_running(claim)

        ended = self.hands.at_once([lambda how=how: end(claim, how) for how in ends])  # type: ignore[misc]

        assert sum(ended) == held

    @rule(claim=claims, how=ENDS, entries=ENTRIES)
    def finish_while_reporting_and_cancelled(self, claim: Claim | None, how: str, entries: list[Any]) -> None:
        """The end, the last lines and somebody's cancel meet."""
        if claim is None:
            return
        held = self.ledger.is_running(claim)
        exists = self.ledger.knows(claim.task_id)
        acts: list[Callable[[], Any]] = [lambda: end(claim, how), lambda: lifecycle.record(claim, entries)]
        if exists:
            acts.append(lambda: lifecycle.request_cancel(claim.task_id))

        ended = self.hands.at_once(acts)[0]

        # What is given back or rests may be cancelled after it, never instead of it.
        assert ended == held

    # ---- requests --------------------------------------------------------------------------------------------------

    @rule(task_id=tasks)
    def cancel(self, task_id: UUID | None) -> None:
        """Done, or refused by a final status."""
        if task_id is None or not self.ledger.knows(task_id):
            return
        before = self.ledger.status(task_id)
        assert lifecycle.request_cancel(task_id) == (before if before.is_final else None)

    @rule(target=claims, task_id=tasks)
    def cancel_while_delivered(self, task_id: UUID | None) -> Claim | None:
        """Either the claim comes first and is asked to stop, or there is none."""
        if task_id is None or not self.ledger.knows(task_id):
            return None
        acts: list[Callable[[], Any]] = [
            lambda: self._claim(task_id, self.alive),
            lambda: lifecycle.request_cancel(task_id),
        ]
        return cast("Claim | None", self.hands.at_once(acts)[0])

    @rule(task_id=tasks, at_once=st.integers(1, Hands.COUNT))
    def retry(self, task_id: UUID | None, at_once: int) -> None:
        """The one step that leaves a final status; of several at once one is done."""
        if task_id is None or not self.ledger.knows(task_id):
            return
        before = self.ledger.status(task_id)
        is_retryable = before.is_final and before is not TaskStatus.SUCCEEDED
        self.ledger.retried.add(task_id)

        answers = self.hands.at_once([lambda: lifecycle.retry(task_id)] * at_once)

        assert answers.count(None) == is_retryable

    # ---- time ------------------------------------------------------------------------------------------------------

    @rule(workers=st.integers(1, Hands.COUNT))
    def promote(self, workers: int) -> None:
        """Each due task is moved by one of the workers."""
        moved = self.hands.at_once([lambda: lifecycle.promote_due(3)] * workers)
        ids = [message.task_id for messages in moved for message in messages]
        assert len(ids) == len(set(ids))

    @rule(task_id=tasks)
    def time_comes(self, task_id: UUID | None) -> None:
        """What rests is due now. No event: nothing of what clients see is touched."""
        resting = Task.objects.filter(id__in=[task_id] if task_id else [], due_at__isnull=False)
        resting.update(due_at=datetime.now(UTC) - timedelta(seconds=1))

    @rule(workers=st.integers(1, Hands.COUNT))
    def expire(self, workers: int) -> None:
        """Each overdue task is ended by one of the workers."""
        ended = self.hands.at_once([lambda: lifecycle.expire_overdue(3)] * workers)
        ids = [task_id for found in ended for task_id in found]
        assert len(ids) == len(set(ids))

    @rule(workers=st.integers(1, Hands.COUNT))
    def rescue(self, workers: int) -> None:
        """Each attempt of the worker without a lease is ended by one of the others, and no other attempt."""
        lost = self.ledger.running_under(self.dead)
        rescued = self.hands.at_once([lambda: lifecycle.rescue_lost(10, lease_seconds=LEASE)] * workers)
        assert sum(rescued) == min(len(lost), 10 * workers) or (workers > 1 and sum(rescued) == len(lost))

    @rule(is_sent=st.booleans())
    def enqueue_unsent(self, is_sent: bool) -> None:
        """Upkeep sends what nobody has sent, twice at once, and perhaps in vain: a task is taken by one."""
        taken = self.hands.at_once([lambda: lifecycle.take_unsent(0, 5)] * 2)
        messages = [message for found in taken for message in found]
        assert len(messages) == len({message.task_id for message in messages})
        (lifecycle.mark_enqueued if is_sent else lifecycle.mark_unsent)(messages)

    @rule(workers=st.integers(1, Hands.COUNT))
    def prune(self, workers: int) -> None:
        """Tasks that have ended go, with everything; the mark rises to their last event and no further."""
        before = EventLog.objects.get().pruned_through
        gone = self.ledger.final()
        pruned = self.hands.at_once([lambda: lifecycle.prune(-1, 100)] * workers)
        assert sum(pruned) == len(gone)
        last = self.ledger.forget(gone)
        assert EventLog.objects.get().pruned_through == max(before, last)

    # ---- what must hold --------------------------------------------------------------------------------------------

    @invariant()
    def everything_stands_as_promised(self) -> None:
        """Look at all there is."""
        if hasattr(self, "ledger"):
            self.ledger.check()

    # ----------------------------------------------------------------------------------------------------------------

    def _claim(self, task_id: UUID, incarnation: UUID) -> Claim | None:
        return lifecycle.claim(task_id, claim_id=uuid4(), incarnation=incarnation, worker="w", pid=1)

    def _new(self, delay: float | None, expiry: float | None, attempts: int, **more: Any) -> Task:
        now = datetime.now(UTC)
        due_at = now + timedelta(seconds=delay) if delay is not None else None
        return Task(
            id=uuid7(),
            type="reverse_string",
            owner=self.owner,
            queue="default",
            arguments={"text": "abc"},
            arguments_digest=b"digest",
            status=TaskStatus.SCHEDULED if due_at else TaskStatus.QUEUED,
            scheduled_for=due_at,
            due_at=due_at,
            expires_at=now + timedelta(seconds=expiry) if expiry is not None else None,
            attempt_allowance=attempts,
            max_attempts=attempts,
            retry_delay_seconds=0.0,
            created_at=now,
            updated_at=now,
            **more,
        )
