"""Threads for passwords: one costs a tenth of a second of CPU, and the database's threads have other things to do."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

HASHING_THREADS = 2
MAX_HASHES_WAITING = 32
"""About two seconds of hashing; who comes then is told to come again."""

_waiting = 0


async def hashing(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Run `fn` on a hashing thread; None where too many are waiting for one already."""
    global _waiting  # noqa: PLW0603 - counted on the loop alone
    if _waiting >= MAX_HASHES_WAITING:
        return None
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads(), lambda: fn(*args, **kwargs))
    finally:
        _waiting -= 1


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="passwords")
