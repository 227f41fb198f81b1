"""The worker's care for its pool children: none outlives its handler's time, a cancel, the lease or the shutdown.

`watch` runs on a thread that never waits for the database; `look_after` on upkeep's, which does. A child is killed only
while it holds the very claim that is meant. Who was killed in its place all the same, in the instant between look and
kill, is an innocent attempt and is given back uncounted.
"""

import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final
from uuid import UUID

from django.conf import settings

from tasks import lifecycle
from tasks.lifecycle import Claim, Failure, RunningAttempt
from tasks.registry import registry
from tasks.status import FailureCode
from tasks.worker.exits import exit_of
from tasks.worker.failures import retry_in, timeout_message
from tasks.worker.slots import Slot, Slots

logger = logging.getLogger(__name__)

HARD_LIMIT_GRACE_SECONDS: Final = 2.0
"""How much later than its time-out a handler is ended with its process."""
BEGIN_SECONDS: Final = 35.0
"""How long a child may take from its claim to the attempt: longer than it waits for a database that is away."""
_LOOKS: Final = 2
"""A look may have been read just before a child died, or claimed: what counts is seen by two."""


class Reason(Enum):
    """Why a child is killed."""

    OUT_OF_TIME = auto()
    CANCELLED = auto()
    SHUTDOWN = auto()
    FENCED = auto()
    """The database has its attempt ended: another worker took it for lost."""
    HUNG = auto()
    """It has claimed a task and never began with it."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A kill, and whom it was meant for."""

    claim_id: UUID
    reason: Reason


@dataclass(slots=True)
class Departed:
    """A child that is gone, with what it did last."""

    how: str
    held: UUID | None
    was_out_of_time: bool
    was_told_to_stop: bool
    """The whole worker stops: somebody may have sent its SIGTERM to the children, too."""
    aim: Aim | None
    looks: int = 0


@dataclass(slots=True)
class Suspects:
    """What did not fit together at one look, and is acted upon if it does not at the next."""

    unattended: set[UUID] = field(default_factory=set)
    """The database has them RUNNING, but no child holds them."""
    fenced: set[UUID] = field(default_factory=set)
    """A child holds them, but the database does not have them RUNNING."""
    hung: set[UUID] = field(default_factory=set)
    """The database has them RUNNING for BEGIN_SECONDS, but the child that made them does not hold them yet."""


class Children:
    """The pool children of one worker, as its main process knows them.

    `on_departure` is called, on the thread that watches, when children are gone, whether they were at work or not.
    """

    def __init__(self, slots: Slots, on_departure: Callable[[], None]) -> None:
        self._slots = slots
        self._on_departure = on_departure
        self._living: dict[int, Slot] = {}
        self._buried: dict[Slot, int] = {}
        self._aims: dict[int, Aim] = {}
        self._departed: dict[int, Departed] = {}
        self._cancels: dict[UUID, float] = {}
        self._suspects = Suspects()
        self._not_begun: dict[UUID, float] = {}
        """Claims that children have made and not begun with, and since when they are known."""
        self._end_all_at: float | None = None
        self._lock = threading.Lock()

    # ---- watching: no database --------------------------------------------------------------------------------------

    def watch(self) -> bool:
        """Note who came and who is gone, and end who must end. True: a child with work is gone, so look at the rows."""
        with self._lock:
            self._note_arrivals()
            is_work_lost = self._note_departures()
            for pid, slot in self._living.items():
                claim_id = slot.claim_id
                reason = claim_id and self._reason_to_end(slot, claim_id)
                if claim_id and reason:
                    self._end_child(pid, slot, Aim(claim_id, reason))
            return is_work_lost

    def stop_within(self, seconds: float) -> None:
        """Have the children begin nothing new, and end what still runs after that time. The earliest end counts."""
        self._slots.ask_stop()
        self._end_all_at = min(time.monotonic() + seconds, self._end_all_at or math.inf)

    def is_settled(self) -> bool:
        """Whether nothing runs, and the database knows of everything that did."""
        with self._lock:
            return not self._departed and not any(slot.is_at_work for slot in self._living.values())

    def _note_arrivals(self) -> None:
        for slot in self._slots.occupied():
            pid = slot.pid
            if pid not in self._living and self._buried.get(slot) != pid:
                self._living[pid] = slot

    def _note_departures(self) -> bool:
        is_work_lost = is_anyone_gone = False
        for pid, slot in list(self._living.items()):
            how = exit_of(pid)
            if how is None:
                continue
            is_anyone_gone = True
            del self._living[pid]
            is_replaced = slot.pid != pid
            held = None if is_replaced else slot.claim_id
            aim = self._aims.pop(pid, None)
            if not is_replaced:
                self._buried[slot] = pid
            if slot.is_at_work or aim or is_replaced:
                self._departed[pid] = Departed(
                    how, held, _is_out_of_time(slot, held), self._end_all_at is not None, aim
                )
                is_work_lost = True
        if is_anyone_gone:
            self._on_departure()  # only now: a replacement takes over the slot that was just read
        return is_work_lost

    def _reason_to_end(self, slot: Slot, claim_id: UUID) -> Reason | None:
        now = time.monotonic()
        times_out_at = slot.times_out_at(claim_id)
        if times_out_at is not None and now > times_out_at + HARD_LIMIT_GRACE_SECONDS:
            return Reason.OUT_OF_TIME
        if now > self._cancels.get(claim_id, now):
            return Reason.CANCELLED
        if self._end_all_at is not None and now > self._end_all_at:
            return Reason.SHUTDOWN
        return None

    def _end_child(self, pid: int, slot: Slot, aim: Aim) -> None:
        if pid in self._aims or slot.pid != pid or not _is_meant(slot, aim):
            return
        self._aims[pid] = aim
        logger.warning("Ending pool child %d with claim %s: %s", pid, aim.claim_id, aim.reason.name)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            logger.info("Pool child %d was gone already", pid)

    # ---- looking after: on upkeep's thread --------------------------------------------------------------------------

    def look_after(self, attempts: list[RunningAttempt]) -> None:
        """Compare what the database has RUNNING here with what the children do, and put right what does not fit."""
        with self._lock:
            departed = dict(self._departed)
            before, self._suspects = self._suspects, self._compare(attempts)
            unattended = before.unattended & self._suspects.unattended
            self._pass_on_cancels(attempts)
            self._end_fenced(before.fenced & self._suspects.fenced)
            self._end_hung(before.hung & self._suspects.hung)
        for attempt in attempts:
            gone = departed.get(attempt.pid)
            if gone is not None:
                _end_after_death(attempt.claim, gone)
            elif attempt.claim.claim_id in unattended:
                lifecycle.end_lost(attempt.claim, f"process {attempt.pid} does not run this attempt any more")
        self._note_look(departed)

    def _compare(self, attempts: Iterable[RunningAttempt]) -> Suspects:
        held = {slot.claim_id for slot in self._living.values()} - {None}
        attended_by_children = held | {slot.intended_claim_id for slot in self._living.values()}
        running = {attempt.claim.claim_id for attempt in attempts}
        attended = {
            attempt.claim.claim_id
            for attempt in attempts
            if attempt.pid in self._departed or attempt.claim.claim_id in attended_by_children
        }
        not_begun = {slot.intended_claim_id for slot in self._living.values() if slot.claim_id is None} & running
        now = time.monotonic()
        self._not_begun = {claim_id: self._not_begun.get(claim_id, now) for claim_id in not_begun}
        return Suspects(
            running - attended,
            {claim_id for claim_id in held if claim_id} - running,
            {claim_id for claim_id, since in self._not_begun.items() if now - since > BEGIN_SECONDS},
        )

    def _pass_on_cancels(self, attempts: Iterable[RunningAttempt]) -> None:
        asked = {attempt.claim.claim_id: attempt.pid for attempt in attempts if attempt.cancel_requested_at is not None}
        end_at = time.monotonic() + settings.CANCEL_GRACE_SECONDS
        self._cancels = {claim_id: self._cancels.get(claim_id, end_at) for claim_id in asked}
        for claim_id, pid in asked.items():
            if pid in self._living:
                self._living[pid].ask_cancel(claim_id)

    def _end_fenced(self, fenced: set[UUID]) -> None:
        for pid, slot in self._living.items():
            claim_id = slot.claim_id
            if claim_id in fenced:
                self._end_child(pid, slot, Aim(claim_id, Reason.FENCED))

    def _end_hung(self, hung: set[UUID]) -> None:
        for pid, slot in self._living.items():
            if slot.intended_claim_id in hung:
                self._end_child(pid, slot, Aim(slot.intended_claim_id, Reason.HUNG))

    def _note_look(self, departed: dict[int, Departed]) -> None:
        with self._lock:
            for pid, gone in departed.items():
                gone.looks += 1
                if gone.looks >= _LOOKS:
                    del self._departed[pid]


def _is_meant(slot: Slot, aim: Aim) -> bool:
    if aim.reason is Reason.HUNG:
        return slot.claim_id is None and slot.intended_claim_id == aim.claim_id
    return slot.claim_id == aim.claim_id


def _is_out_of_time(slot: Slot, held: UUID | None) -> bool:
    times_out_at = held and slot.times_out_at(held)
    return bool(times_out_at and time.monotonic() > times_out_at)


def _end_after_death(claim: Claim, gone: Departed) -> None:
    """End an attempt whose process is gone, for the reason that it was ended for, if any."""
    aim = gone.aim
    if aim is not None and aim.claim_id == claim.claim_id and aim.reason is Reason.HUNG:
        lifecycle.end_lost(claim, f"the process of attempt {claim.attempt} never began with it")
    elif aim is not None and (aim.claim_id != claim.claim_id or aim.reason in {Reason.SHUTDOWN, Reason.FENCED}):
        lifecycle.give_back(claim)
    elif aim is not None and aim.reason is Reason.CANCELLED:
        lifecycle.cancelled(claim)
    elif aim is not None or (gone.was_out_of_time and gone.held == claim.claim_id):
        _end_out_of_time(claim)
    elif gone.was_told_to_stop:
        lifecycle.give_back(claim)
    else:
        lifecycle.end_lost(claim, f"the process of attempt {claim.attempt} {gone.how}")


def _end_out_of_time(claim: Claim) -> None:
    task_type = registry.find(claim.type)
    seconds = claim.timeout_seconds or (task_type.timeout_seconds if task_type else 0.0)
    delay = retry_in(claim, task_type, FailureCode.TIMEOUT, TimeoutError()) if task_type else None
    lifecycle.fail(claim, Failure(FailureCode.TIMEOUT, timeout_message(seconds)), retry_in_seconds=delay)
