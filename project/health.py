"""`/healthz`: this process is alive. `/readyz`: it can do its work. For health checks and load balancers.

Both are answered on the event loop before Django, so neither a slow view nor ALLOWED_HOSTS (probes come by IP address)
stands in their way. They are open to all, and tell states and ages and nothing else: no versions, no addresses, no
exception's text, which is logged instead.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

from tasks import database, lifecycle
from tasks.errors import StoreUnavailable
from tasks.hub import current_hub

Send = Callable[[dict[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

RUN_HEADER: Final = b"x-taskfeed-run"
CHECK_SECONDS: Final = 1.0
"""What takes longer is as good as away: a client would not wait either."""
KEPT_SECONDS: Final = 0.5
"""For so long an answer is given again, so that nobody can make work of asking."""
LATE_ROUNDS: Final = 5
"""The hub reads on every TAIL_SECONDS; after so many of them without a round its live updates can't be trusted."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    state: str
    """"ok", or what is the matter in one or two words."""
    required: bool
    """Without it this process can't keep its promises to clients. Without the others something comes later."""
    seconds: float | None = None
    """How old what it knows is."""

    def as_json(self) -> dict[str, Any]:
        """As the answer shows it."""
        age = {} if self.seconds is None else {"ageSeconds": round(self.seconds, 1)}
        return {"state": self.state, "required": self.required, **age}


async def alive(send: Send) -> None:
    """Answer 200: the event loop turns. Nothing else is asked, since a restart mends nothing else."""
    await _answer(send, 200, {"status": "alive"})


async def ready(send: Send) -> None:
    """Answer 200 while requests can be served, else 503.

    Required are the database, where every answer comes from, and the hub, without which subscriptions stand still.
    The broker, the channel layer and the workers' upkeep are not: without them tasks are still taken in, stored and
    shown, and what is missing is made up for later. To take all servers away for their sake would lose even that.
    """
    checks = await _checks()
    if all(check.state == "ok" for check in checks.values()):
        status = "ready"
    elif any(check.required and check.state != "ok" for check in checks.values()):
        status = "not ready"
    else:
        status = "degraded"
    body = {"status": status, "checks": {name: check.as_json() for name, check in checks.items()}}
    await _answer(send, 503 if status == "not ready" else 200, body)


PATHS: Final[Mapping[str, Callable[[Send], Awaitable[None]]]] = {"/healthz": alive, "/readyz": ready}


async def health(scope: Mapping[str, Any], send: Send) -> None:
    """Serve one of `PATHS`."""
    if scope["method"] not in ("GET", "HEAD"):
        await _answer(send, 405, {"status": "expected GET or HEAD"}, (b"allow", b"GET, HEAD"))
        return
    await PATHS[scope["path"]](send)


async def _answer(send: Send, status: int, body: Mapping[str, Any], *more: tuple[bytes, bytes]) -> None:
    text = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(text)),
        (b"cache-control", b"no-store"),
        *more,
    ]
    if run_id := os.environ.get("TASKFEED_RUN_ID"):
        headers.append((RUN_HEADER, run_id.encode("ascii")))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


# ---- the checks -----------------------------------------------------------------------------------------------------

_last: tuple[float, dict[str, Check]] | None = None
_under_way: "asyncio.Task[dict[str, Check]] | None" = None


async def _checks() -> dict[str, Check]:
    """Look at everything at once, or share what somebody looks at just now, or has just looked at."""
    global _under_way  # noqa: PLW0603 - one per process, which has one event loop
    now = asyncio.get_running_loop().time()
    if _last is not None and 0 <= now - _last[0] < KEPT_SECONDS:
        return _last[1]
    if _under_way is None or _under_way.done():
        _under_way = asyncio.create_task(_look())
    return await asyncio.shield(_under_way)


async def _look() -> dict[str, Check]:
    global _last  # noqa: PLW0603 - see above
    (store, upkeep), hub, broker = await asyncio.gather(_store_and_upkeep(), _hub(), _broker())
    # The layer does not say when its connection is lost; it is on the broker's Redis.
    listens = broker.state == "ok" and current_hub().is_listening
    layer = Check("ok" if listens else "away", required=False)
    checks = {"database": store, "hub": hub, "broker": broker, "channelLayer": layer, "upkeep": upkeep}
    _last = (asyncio.get_running_loop().time(), checks)
    return checks


@cache
def _thread() -> ThreadPoolExecutor:
    """A thread and a connection of its own: a look must neither wait for requests, nor they for it."""
    return ThreadPoolExecutor(1, thread_name_prefix="health")


_asked: "asyncio.Future[float | None] | None" = None


async def _store_and_upkeep() -> tuple[Check, Check]:
    global _asked  # noqa: PLW0603 - a question that hangs is not asked a second time
    if _asked is None or _asked.done():
        ask = asyncio.get_running_loop().run_in_executor(_thread(), database.guarded, lifecycle.upkeep_age)
        _asked = asyncio.ensure_future(ask)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            age = await asyncio.shield(_asked)
    except (TimeoutError, StoreUnavailable):
        return Check("away", required=True), Check("unknown", required=False)
    except Exception:
        logger.exception("the database answers, and not what was asked: are all migrations applied?")
        return Check("unusable", required=True), Check("unknown", required=False)
    state = "none" if age is None else "late" if age > settings.LEASE_SECONDS else "ok"
    return Check("ok", required=True), Check(state, required=False, seconds=age)


async def _hub() -> Check:
    """The hub's, which is started by this where it does not run."""
    hub = current_hub()
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await hub.ready()
    except (TimeoutError, StoreUnavailable):
        return Check("not started", required=True)
    except Exception:
        logger.exception("the hub can't start")
        return Check("not started", required=True)
    lag = hub.lag_seconds
    return Check("late" if lag > LATE_ROUNDS * max(settings.TAIL_SECONDS, 1.0) else "ok", required=True, seconds=lag)


async def _broker() -> Check:
    client = redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_timeout=CHECK_SECONDS, socket_connect_timeout=CHECK_SECONDS
    )
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await client.ping()
    except (TimeoutError, RedisError):
        return Check("away", required=False)
    finally:
        await client.aclose()
    return Check("ok", required=False)
