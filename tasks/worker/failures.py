"""What an exception says about an attempt: its code and words for people, and whether another attempt is worth it."""

import asyncio
import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

from tasks import lifecycle
from tasks.lifecycle import Claim, Failure
from tasks.registry import ArgumentsInvalid, RejectTask, ResultInvalid, TaskType
from tasks.status import FailureCode
from tasks.worker.calling import TimedOut
from tasks.worker.text import cut, storable

MAX_MESSAGE_BYTES: Final = 2_000
MAX_TRACEBACK_BYTES: Final = 16 * 1024
_HERE: Final = Path(__file__).parent
_ENGINE: Final = (str(_HERE), str(_HERE.parent / "registry"), str(Path(asyncio.__file__).parent))
_CODES: Final = (
    (TimedOut, FailureCode.TIMEOUT),
    (RejectTask, FailureCode.REJECTED),
    (ArgumentsInvalid, FailureCode.REJECTED),
    (ResultInvalid, FailureCode.INVALID_RESULT),
    (MemoryError, FailureCode.OUT_OF_MEMORY),
)
_FINAL: Final = frozenset({FailureCode.REJECTED, FailureCode.INVALID_RESULT})


def failure_of(exception: BaseException, seconds: float) -> Failure:
    """Describe the exception that ended a handler which had `seconds` to run. Everything in it can be stored."""
    code = next((code for kind, code in _CODES if isinstance(exception, kind)), FailureCode.EXCEPTION)
    trace = _traceback(exception)
    if code is FailureCode.TIMEOUT:
        return Failure(code, timeout_message(seconds), None, trace)
    return Failure(code, _message(exception), _qualified_name(type(exception)), trace)


def timeout_message(seconds: float) -> str:
    """Say that a handler was out of time."""
    return f"The handler ran longer than its {seconds:g} seconds"


def retry_in(claim: Claim, task_type: TaskType, code: FailureCode, exception: BaseException) -> float | None:
    """Return the seconds until the next attempt; None where none is left or the failure is not worth another.

    A time-out counts as a TimeoutError, and what is no `Exception`, as from `sys.exit`, as a RuntimeError.
    """
    if code in _FINAL:
        return None
    if code is FailureCode.TIMEOUT:
        exception = TimeoutError()
    elif not isinstance(exception, Exception):
        exception = RuntimeError()
    return lifecycle.retry_delay(claim) if task_type.is_worth_another_attempt(exception) else None


def _message(exception: BaseException) -> str:
    try:
        message = str(exception)
    except Exception as error:  # noqa: BLE001 - a handler's exception may be unable to describe itself
        message = f"its description failed with {type(error).__name__}"
    return cut(storable(message or type(exception).__name__), MAX_MESSAGE_BYTES)


def _qualified_name(kind: type[BaseException]) -> str:
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return cut(storable(name), MAX_MESSAGE_BYTES)


def _traceback(exception: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(exception), exception, _below_engine(exception.__traceback__))
    except Exception as error:  # noqa: BLE001 - as above: the failure is told even if its traceback can't be
        return f"The traceback can't be shown: {type(error).__name__}"
    text = storable("".join(lines))
    if len(text.encode()) <= MAX_TRACEBACK_BYTES:
        return text
    # The end tells what happened, the beginning where it came from: both stay.
    quarter = MAX_TRACEBACK_BYTES // 4
    tail = text.encode()[-3 * quarter :].decode(errors="ignore")
    return f"{cut(text, quarter - 1)}\n{tail}"


def _below_engine(trace: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that begins in the handler's own code, or in what it called."""
    below = trace
    while below is not None and below.tb_frame.f_code.co_filename.startswith(_ENGINE):
        below = below.tb_next
    return below or trace
