"""Slots are shared between processes, so the tests fork."""

import os
import time
from collections.abc import Callable
from uuid import uuid4

from tasks.worker.slots import Slots


def in_child(work: Callable[[], None]) -> None:
    """Run `work` in a forked process and wait for its end."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


def test_the_parent_sees_what_a_child_holds_even_after_its_death():
    slots, claim = Slots(4), uuid4()

    def work() -> None:
        slots[2].occupy(os.getpid())
        slots[2].hold(claim)

    in_child(work)

    (slot,) = slots.occupied()
    assert slot.claim_id == claim
    assert slot.pid != os.getpid()


def test_a_released_slot_holds_no_claim():
    slot = Slots(1)[0]
    slot.hold(uuid4())

    slot.release()

    assert slot.claim_id is None


def test_only_a_limited_claim_is_out_of_time_some_day():
    slot, claim, ends_at = Slots(1)[0], uuid4(), time.monotonic() + 5
    slot.hold(claim)

    with slot.limited(ends_at):
        assert slot.times_out_at(claim) == ends_at
        assert slot.times_out_at(uuid4()) is None
    assert slot.times_out_at(claim) is None


def test_a_cancel_reaches_the_claim_that_is_meant_and_no_other():
    slots, claim = Slots(1), uuid4()
    slots[0].ask_cancel(claim)

    def work() -> None:
        assert slots[0].is_cancel_asked(claim.bytes)
        assert not slots[0].is_cancel_asked(uuid4().bytes)

    in_child(work)


def test_a_replacement_begins_with_an_empty_slot():
    slots, claim = Slots(1), uuid4()
    slots[0].hold(claim)
    slots[0].ask_cancel(claim)

    slots[0].occupy(os.getpid())

    assert slots[0].claim_id is None
    assert not slots[0].is_cancel_asked(claim.bytes)
