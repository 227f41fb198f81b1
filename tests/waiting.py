"""The one place where tests look again and again: for facts that nothing announces, and never without a deadline."""

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable
from typing import Any, Final

DEADLINE_SECONDS: Final = 20.0
"""For a fact that a test waits for; most are there within milliseconds."""
_PAUSE_SECONDS: Final = 0.01


def wait_for(fact: Callable[[], Any], seconds: float = DEADLINE_SECONDS, what: str = "the fact") -> Any:
    """Return the first true value of `fact()`; fail when `seconds` have passed without one."""
    deadline = time.monotonic() + seconds
    while not (value := fact()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(_PAUSE_SECONDS)
    return value


async def until(fact: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
    """Return the first true value of `fact()`, awaited where it must be; fail when `seconds` have passed without."""
    async with asyncio.timeout(seconds):
        while True:
            value = fact()
            if value := await value if isawaitable(value) else value:
                return value
            await asyncio.sleep(_PAUSE_SECONDS)
