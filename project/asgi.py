"""The server: `/graphql` is ours on both doors, everything else is Django's."""

import asyncio
import gc
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import FrameType
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django_application = get_asgi_application()

from project import health  # noqa: E402 - the app registry must be full first
from tasks import database  # noqa: E402
from tasks.api.execution import Documents, Limits, SharedExecutions  # noqa: E402
from tasks.api.schema import schema  # noqa: E402
from tasks.api.transport.http import Door, GraphQLHTTP, Streams  # noqa: E402
from tasks.api.transport.rules import SocketRules  # noqa: E402
from tasks.api.transport.size import has_too_many_headers, refuse_headers  # noqa: E402
from tasks.api.transport.socket import GraphQLSocket, refuse_socket  # noqa: E402
from tasks.api.viewer import Viewers  # noqa: E402
from tasks.errors import StoreUnavailable  # noqa: E402
from tasks.hub import current_hub  # noqa: E402

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)
START_SECONDS = 5.0
GRAPHQL_PATHS = frozenset({"/graphql", "/graphql/"})

documents = Documents(schema, Limits.of_settings())
viewers = Viewers()
door = Door()
socket_rules = SocketRules.of_settings(documents, SharedExecutions(), viewers, door)
streams = Streams(viewers, socket_rules.shared, socket_rules.heartbeat, socket_rules.of_address, socket_rules.of_user)
graphql_http = GraphQLHTTP(documents, viewers, door, streams)
graphql_socket = GraphQLSocket.as_asgi(socket_rules)


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    """Django's own way costs a thread and ten times the time for each request, so `/graphql` does not take it."""
    if has_too_many_headers(scope):
        await refuse_headers(send)
    elif scope["path"] in health.PATHS:
        await health.health(scope, send)
    else:
        await (graphql_http if scope["path"] in GRAPHQL_PATHS else django_application)(scope, receive, send)


async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """A socket anywhere but at `/graphql` is refused before it opens."""
    is_ours = scope["path"] in GRAPHQL_PATHS and not has_too_many_headers(scope)
    await (graphql_socket if is_ours else refuse_socket)(scope, receive, send)


async def start_listening() -> None:
    """Have the hub ready before the first request, where that is soon; else the first subscription waits for it."""
    try:
        async with asyncio.timeout(START_SECONDS):
            await current_hub().ready()
    except (StoreUnavailable, TimeoutError) as error:
        logger.warning("live updates are not ready yet: %r", error)


def end_streams_on_signals() -> None:
    """End the open streams as soon as the process is told to stop, or the server would wait for them until it cancels.

    The server has its handlers by now; ours go before them. Only a main thread may set any.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _before(signal.getsignal(number), lambda: loop.call_soon_threadsafe(streams.end_all)))


def _before(handler: Any, call: Callable[[], object]) -> Callable[[int, FrameType | None], None]:
    def both(number: int, frame: FrameType | None) -> None:
        call()
        if callable(handler):
            handler(number, frame)

    return both


async def lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """Listen from the start of the server to its end. daphne has no lifespan: there the first subscription begins."""
    while True:
        event = await receive()
        if event["type"] == "lifespan.startup":
            end_streams_on_signals()
            await start_listening()
        if event["type"] == "lifespan.shutdown":
            await current_hub().stop()
            database.close()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return


application = ProtocolTypeRouter({"http": http, "websocket": websocket, "lifespan": lifespan})

# What has been imported stays for good. A full collection that walked through all of it, as many large documents in a
# row bring about, would hold up every request for a tenth of a second.
gc.collect()
gc.freeze()
# And what a request leaves behind is mostly gone by itself: looking for rings every 700 objects costs it six percent.
gc.set_threshold(20_000, 20, 20)
