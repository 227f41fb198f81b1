"""What an exception says about an attempt."""

from typing import Any, NoReturn

import pytest

from tasks.registry import ArgumentsInvalid, Backoff, Fault, RejectTask, ResultInvalid, TaskCancelled
from tasks.status import FailureCode
from tasks.worker.calling import HandlerCaller, TimedOut
from tasks.worker.failures import MAX_MESSAGE_BYTES, MAX_TRACEBACK_BYTES, failure_of, retry_in
from tests.unit.worker.claims import a_claim, register


class Speechless(Exception):
    """Can't describe itself."""

    def __str__(self) -> str:
        raise ValueError


def raised(exception: BaseException) -> BaseException:
    """Return the exception as it comes out of a handler."""

    def handler() -> NoReturn:
        raise exception

    with pytest.raises(type(exception)) as caught:
        HandlerCaller().call(handler, 10)
    trace = caught.value.__traceback__
    assert trace is not None
    return caught.value.with_traceback(trace.tb_next)


@pytest.mark.parametrize(
    ("exception", "code", "name"),
    [
        pytest.param(ValueError("boom"), FailureCode.EXCEPTION, "ValueError", id="exception"),
        pytest.param(SystemExit(3), FailureCode.EXCEPTION, "SystemExit", id="sys.exit"),
        pytest.param(MemoryError(), FailureCode.OUT_OF_MEMORY, "MemoryError", id="memory"),
        pytest.param(TimedOut(), FailureCode.TIMEOUT, None, id="time-out"),
        pytest.param(RejectTask("no"), FailureCode.REJECTED, "tasks.registry.context.RejectTask", id="rejected"),
        pytest.param(
            ArgumentsInvalid([Fault(("text",), "is required")]),
            FailureCode.REJECTED,
            "tasks.registry.faults.ArgumentsInvalid",
            id="arguments",
        ),
        pytest.param(
            ResultInvalid("no"), FailureCode.INVALID_RESULT, "tasks.registry.faults.ResultInvalid", id="result"
        ),
    ],
)
def test_each_exception_has_its_code(exception: BaseException, code: FailureCode, name: str | None):
    failure = failure_of(raised(exception), 5)

    assert failure.code is code
    assert failure.exception == name


def test_the_message_is_the_exceptions_own_fit_to_be_stored():
    assert failure_of(raised(ValueError("a\x00b\ud800")), 5).message == "a\ufffdb\ufffd"


def test_a_message_is_never_empty():
    assert failure_of(raised(MemoryError()), 5).message == "MemoryError"


def test_a_long_message_is_cut():
    assert len(failure_of(raised(ValueError("ä" * 100_000)), 5).message.encode()) <= MAX_MESSAGE_BYTES


def test_an_exception_that_cannot_describe_itself_is_told_all_the_same():
    failure = failure_of(raised(Speechless()), 5)

    assert failure.exception is not None
    assert failure.exception.endswith("Speechless")
    assert "ValueError" in failure.message


def test_the_traceback_begins_in_the_handler():
    trace = failure_of(raised(ValueError("boom")), 5).traceback

    assert trace is not None
    assert "calling.py" not in trace
    assert "in handler" in trace
    assert trace.rstrip().endswith("ValueError: boom")


def test_a_long_traceback_keeps_its_end():
    trace = failure_of(raised(ValueError("x" * 100_000 + "the end")), 5).traceback

    assert trace is not None
    assert len(trace.encode()) <= MAX_TRACEBACK_BYTES
    assert trace.rstrip().endswith("the end")
    assert trace.startswith("Traceback")


def test_a_time_out_names_its_seconds():
    assert "5 seconds" in failure_of(raised(TimedOut()), 5).message


def nothing() -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("exception", "code", "options", "is_retried"),
    [
        pytest.param(ValueError(), FailureCode.EXCEPTION, {}, True, id="any exception"),
        pytest.param(SystemExit(), FailureCode.EXCEPTION, {}, True, id="sys.exit"),
        pytest.param(TaskCancelled(), FailureCode.EXCEPTION, {}, True, id="cancel nobody asked"),
        pytest.param(ValueError(), FailureCode.EXCEPTION, {"retry_on": (OSError,)}, False, id="not among retry_on"),
        pytest.param(ConnectionError(), FailureCode.EXCEPTION, {"retry_on": (OSError,)}, True, id="among retry_on"),
        pytest.param(KeyError(), FailureCode.EXCEPTION, {"do_not_retry_on": (LookupError,)}, False, id="excluded"),
        pytest.param(TimedOut(), FailureCode.TIMEOUT, {}, True, id="time-out"),
        pytest.param(TimedOut(), FailureCode.TIMEOUT, {"do_not_retry_on": (TimeoutError,)}, False, id="final time-out"),
        pytest.param(MemoryError(), FailureCode.OUT_OF_MEMORY, {}, True, id="memory"),
        pytest.param(RejectTask(), FailureCode.REJECTED, {}, False, id="rejected"),
        pytest.param(ResultInvalid(""), FailureCode.INVALID_RESULT, {}, False, id="result"),
    ],
)
def test_only_what_may_do_better_is_retried(
    exception: BaseException,
    code: FailureCode,
    options: dict[str, Any],
    is_retried: bool,
    monkeypatch: pytest.MonkeyPatch,
):
    task_type = register(monkeypatch, nothing, **options)

    delay = retry_in(a_claim(type="nothing"), task_type, code, exception)

    assert (delay is not None) is is_retried


def test_the_last_attempt_is_not_retried(monkeypatch: pytest.MonkeyPatch):
    task_type = register(monkeypatch, nothing)
    claim = a_claim(type="nothing", attempt=3, max_attempts=3)

    assert retry_in(claim, task_type, FailureCode.EXCEPTION, ValueError()) is None


def test_the_tasks_own_delay_is_the_first(monkeypatch: pytest.MonkeyPatch):
    task_type = register(monkeypatch, nothing, backoff=Backoff(jitter=0))
    claim = a_claim(type="nothing", attempt=2, retry_delay_seconds=10)

    assert retry_in(claim, task_type, FailureCode.EXCEPTION, ValueError()) == 20
