"""How an attempt came out: one value for each way to end it."""

from dataclasses import dataclass
from typing import Any

from tasks.lifecycle import Failure


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The handler returned what fits its declared type."""

    result: Any
    """As it is stored."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It raised, ran out of time or returned what does not fit."""

    failure: Failure
    retry_in_seconds: float | None
    """None: for good."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """It stopped because a cancel was asked."""


@dataclass(frozen=True, slots=True)
class Returned:
    """This process is told to stop: the attempt counts for nothing."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody else has ended the attempt; there is nothing left to record."""


Outcome = Succeeded | Failed | Cancelled | Returned | Lost
