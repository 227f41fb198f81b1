"""How often somebody may do something: counted in Redis, over moving windows, for all servers together."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache, partial
from time import monotonic, time
from typing import NamedTuple, ParamSpec, TypeVar

from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerMinute, parse_many
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter
from redis import ConnectionPool, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

TIMEOUT_SECONDS = 0.2
OUTAGE_SECONDS = 1.0
"""While Redis is away it is asked again no more often than that; meanwhile everything is allowed, at once."""
LEAST_WAIT_SECONDS = 0.1
"""Told to whom is refused for less: clocks differ, and nobody shall come back too early."""
ASKING_THREADS = 2


class Room(NamedTuple):
    """What a limit still allows."""

    number: int
    opens_in_seconds: float
    """Until there is more, where `number` is 0."""


class RateLimiter:
    """Counts in one Redis. For all threads; one per process.

    Where Redis is away everything is allowed, since a limit is no reason to be away as well; each outage is logged
    once, and so is its end.
    """

    def __init__(self, url: str, prefix: str) -> None:
        pool = ConnectionPool.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        storage = RedisStorage("redis://", connection_pool=pool, key_prefix=prefix)
        self._windows = MovingWindowRateLimiter(storage)
        self._counters = SlidingWindowCounterRateLimiter(storage)
        self._state = threading.Lock()
        self._ask_again_at: float | None = None
        """None while Redis answers."""
        self._threads: ThreadPoolExecutor | None = None

    def hit(self, scope: str, key: str, limit: str) -> float | None:
        """Count once if `limit` allows it: then None, else the seconds until it will. Blocks, 0.2 s at the worst.

        `limit` is "10/minute", or several as in "10/minute;100/hour"; "" allows everything. What is refused is not
        counted. `scope` and `key` together tell who does what: the same ones must come with the same limit.
        """
        return self._asked(lambda: self._hit(scope, key, _parsed(limit))) if limit else None

    def forget(self, scope: str, key: str, limit: str) -> None:
        """Begin to count anew. Blocks as `hit`; where Redis is away nothing is forgotten."""
        for window in _parsed(limit) if limit else ():
            self._asked(partial(self._windows.clear, window, scope, key))

    def count(self, scope: str, key: str, number: int, per_minute: int) -> "Room | None":
        """Count what was let through already, and return what room is left; None where Redis is away. Blocks as `hit`.

        For what is too frequent to be asked about one by one: two counters in Redis, whatever the numbers.
        """
        return self._asked(lambda: self._count(RateLimitItemPerMinute(per_minute), scope, key, number))

    async def aside(self, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what blocks, as all of the above, from the event loop, which goes on meanwhile."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(ASKING_THREADS, thread_name_prefix="rates")
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(ask, *args, **kwargs))

    def _asked(self, question: Callable[[], T]) -> T | None:
        """Ask Redis; None where it is away, at once where that was just found out."""
        ask_again_at = self._ask_again_at
        if ask_again_at is not None and monotonic() < ask_again_at:
            return None
        try:
            answer = question()
        except RedisError as error:
            self._note_outage(error)
            return None
        if ask_again_at is not None:
            self._note_return()
        return answer

    def _count(self, window: RateLimitItem, scope: str, key: str, number: int) -> "Room":
        before = self._counters.get_window_stats(window, scope, key)
        # All or nothing: so no more is counted than there is room for, else one large number would go uncounted.
        if counted := min(number, before.remaining):
            self._counters.hit(window, scope, key, cost=counted)
        opens_at, remaining = self._counters.get_window_stats(window, scope, key)
        return Room(remaining, min(max(opens_at - time(), LEAST_WAIT_SECONDS), window.get_expiry()))

    def _hit(self, scope: str, key: str, windows: Sequence[RateLimitItem]) -> float | None:
        for window in windows:
            if not self._windows.hit(window, scope, key):
                opens_at = self._windows.get_window_stats(window, scope, key).reset_time
                return max(opens_at - time(), LEAST_WAIT_SECONDS)
        return None

    def _note_outage(self, error: RedisError) -> None:
        with self._state:
            is_new, self._ask_again_at = self._ask_again_at is None, monotonic() + OUTAGE_SECONDS
        if is_new:
            logger.warning("nothing is counted against its limit while Redis is away: %r", error)

    def _note_return(self) -> None:
        with self._state:
            was_away, self._ask_again_at = self._ask_again_at is not None, None
        if was_away:
            logger.warning("Redis is back: limits hold again")


@cache
def limiter() -> RateLimiter:
    """Return this process's limiter."""
    return RateLimiter(settings.REDIS_URL, f"{settings.CHANNEL_PREFIX}:rates")


@lru_cache(maxsize=256)
def _parsed(limit: str) -> Sequence[RateLimitItem]:
    return parse_many(limit)
