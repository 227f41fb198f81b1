"""What a handler reports is stored exactly once, also where the database's answer was lost."""

from collections.abc import Sequence

import pytest
from django.db import OperationalError

from tasks import database, lifecycle
from tasks.lifecycle import Claim, Logged, Progressed, RecordAnswer
from tasks.models import Event, User
from tasks.status import LogLevel
from tasks.worker.flusher import Flusher
from tasks.worker.recorder import Entry, Recorder
from tasks.worker.slots import Slots
from tests.integration.rows import claimed, stored
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def bodies(claim: Claim, kind: str) -> list[dict[str, str]]:
    """What the log has of that kind, in order; its versions must have no hole."""
    versions = list(Event.objects.filter(task_id=claim.task_id).order_by("id").values_list("version", flat=True))
    assert versions == list(range(1, len(versions) + 1))
    return list(
        Event.objects.filter(task_id=claim.task_id, kind=kind).order_by("version").values_list("body", flat=True)
    )


@pytest.mark.parametrize("lines", [pytest.param(1, id="one-line"), pytest.param(450, id="several-transactions")])
@pytest.mark.parametrize("cancel", ["never", "before", "after"])
def test_reports_whose_answer_was_lost_are_stored_once(owner: User, lines: int, cancel: str):
    claim = claimed(stored(owner))
    entries: list[Entry] = [Progressed(0.5, None), *(Logged(LogLevel.INFO, str(number)) for number in range(lines))]
    if cancel == "before":
        lifecycle.request_cancel(claim.task_id)
    lifecycle.record(claim, entries, claim.version)
    if cancel == "after":
        lifecycle.request_cancel(claim.task_id)

    again = lifecycle.record(claim, entries, claim.version)
    more = lifecycle.record(claim, [Logged(LogLevel.INFO, "more")], again.version)

    assert (more.held, more.cancel_requested) == (True, cancel != "never")
    assert [body["message"] for body in bodies(claim, "LOG")] == [*map(str, range(lines)), "more"]
    assert len(bodies(claim, "PROGRESS")) == 1


def test_reports_of_a_claim_that_was_lost_meanwhile_are_not_stored(owner: User):
    claim = claimed(stored(owner))
    lifecycle.give_back(claim)

    answer = lifecycle.record(claim, [Logged(LogLevel.INFO, "late")], claim.version)

    assert not answer.held
    assert bodies(claim, "LOG") == []


def test_what_comes_while_an_answer_is_lost_is_stored_after_it_and_nothing_twice(owner: User):
    claim = claimed(stored(owner))
    answers_to_lose = [OperationalError("the server went away after the commit")]

    def record(claim: Claim, entries: Sequence[Entry], version: int | None) -> RecordAnswer:
        answer = database.guarded(lifecycle.record, claim, entries, version)
        if answers_to_lose:
            raise answers_to_lose.pop()
        return answer

    recorder = Recorder(claim, Slots(1)[0], Flusher(), record)
    recorder.emit("one ")
    wait_for(lambda: not answers_to_lose, what="the lost answer")
    recorder.emit("two")
    wait_for(lambda: len(bodies(claim, "OUTPUT")) == 2, what="the rest")
    recorder.flush()

    assert bodies(claim, "OUTPUT") == [{"chunk": "one "}, {"chunk": "two"}]
