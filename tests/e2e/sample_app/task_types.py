"""Handlers that misbehave, each in one way, as a team's own app might bring them."""

import asyncio
import contextlib
import hashlib
import itertools
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tasks.registry import Backoff, Field, RejectTask, TaskContext, task_type

SHORT = Backoff(first_seconds=0.2, factor=2.0, jitter=0.0)


class OddError(Exception):
    """What `stumble` fails with."""


@dataclass(frozen=True)
class Attempted:
    """Which attempt it was that came through."""

    attempt: int


@dataclass(frozen=True)
class Measured:
    """A number that may not be one."""

    value: float


@task_type(backoff=SHORT)
def stumble(context: TaskContext, failures: int) -> Attempted:
    """Fail the first attempts, or all up to the allowance."""
    if context.attempt <= failures:
        raise OddError(f"stumbled in attempt {context.attempt}")
    return Attempted(context.attempt)


@task_type(do_not_retry_on=(OddError,))
def stumble_for_good() -> None:
    """Fail in a way that is not worth another attempt."""
    raise OddError("never again")


@task_type
def oversleep(seconds: float) -> None:
    """Sleep in one call, without a word to the context."""
    time.sleep(seconds)


@task_type
async def oversleep_async(seconds: float) -> None:
    """Sleep without holding the loop."""
    await asyncio.sleep(seconds)


@task_type
def stick(where: Literal["WITH_LOCK", "WITHOUT_LOCK"]) -> None:
    """Be stuck in C code for minutes, where no signal handler of Python's runs."""
    if where == "WITH_LOCK":
        sum(itertools.repeat(1, 10**12))
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 10**9)


@task_type
def ignore_everything(seconds: float) -> None:
    """Go on for that long, whatever is asked, and swallow every exception there is."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        with contextlib.suppress(Exception):
            time.sleep(0.05)


@task_type(backoff=SHORT)
def leave(how: Literal["SYS_EXIT", "SIGKILL", "OS_EXIT"]) -> None:
    """End the process instead of the attempt."""
    if how == "SYS_EXIT":
        sys.exit(3)
    if how == "OS_EXIT":
        os._exit(4)
    os.kill(os.getpid(), signal.SIGKILL)


@task_type(backoff=SHORT)
def survive(context: TaskContext) -> Attempted:
    """Be killed in the first attempt, and come through in the second."""
    if context.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return Attempted(context.attempt)


@task_type(backoff=SHORT)
def linger_once(context: TaskContext) -> Attempted:
    """Take minutes in the first attempt and nothing in the next."""
    if context.attempt == 1:
        ends_at = time.monotonic() + 300
        while time.monotonic() < ends_at:
            time.sleep(0.05)
    return Attempted(context.attempt)


@task_type
def answer_badly(how: Literal["NONE", "NAN", "INFINITY", "TEXT"]) -> Measured:
    """Return what does not fit the declared result."""
    values: dict[str, Any] = {"NAN": float("nan"), "INFINITY": float("inf"), "TEXT": "a lot"}
    return Measured(values[how]) if how in values else values.get(how)  # type: ignore[return-value]  # that is its fault


@task_type
def print_a_megabyte() -> None:
    """Print as much as nobody reads."""
    print("x" * 1_000_000)  # noqa: T201
    print("y" * 1_000_000, file=sys.stderr)  # noqa: T201


@task_type
def refuse() -> None:
    """Refuse the task for good."""
    raise RejectTask("not this one")


@task_type
def tick(context: TaskContext, seconds: Annotated[float, Field(ge=0)]) -> None:
    """Report progress twenty times a second, and so notice a cancel."""
    begun_at = time.monotonic()
    while (passed := time.monotonic() - begun_at) < seconds:
        context.report_progress(passed / seconds)
        time.sleep(0.05)


@task_type
def chatter(context: TaskContext, rounds: int) -> Measured:
    """Emit, report and now and then log, as fast as it goes; return the seconds that this took."""
    begun_at = time.monotonic()
    for number in range(rounds):
        context.emit(f"{number};")
        context.report_progress((number + 1) / rounds, f"{number + 1} of {rounds}")
        if number % 100 == 99:
            context.log(f"{number}")
    return Measured(time.monotonic() - begun_at)


@task_type
def mark() -> None:
    """Do nothing: when it was started is what counts."""
