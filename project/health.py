"""`/healthz`: whether this server can do its work, for health checks and the supervisor. Open to all, says little."""

import os

import redis.asyncio
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from tasks import database
from tasks.errors import StoreUnavailable

RUN_HEADER = "X-Taskfeed-Run"


@require_safe
@never_cache
async def health(_request: HttpRequest) -> JsonResponse:
    """Answer 200 while the database answers, else 503. Without Redis tasks are still taken in, so it is only named."""
    states = {"database": await _database_state(), "redis": await _redis_state()}
    response = JsonResponse(states, status=200 if states["database"] == "ok" else 503)
    if run_id := os.environ.get("TASKFEED_RUN_ID"):
        response[RUN_HEADER] = run_id
    return response


async def _database_state() -> str:
    try:
        await database.read(_ask_database)
    except StoreUnavailable:
        return "away"
    return "ok"


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def _redis_state() -> str:
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    try:
        await client.ping()
    except RedisError:
        return "away"
    finally:
        await client.aclose()
    return "ok"
