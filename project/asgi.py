"""The server: `/graphql` is ours on both doors, everything else is Django's."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django_application = get_asgi_application()

from tasks import database  # noqa: E402 - the app registry must be full first
from tasks.api.execution import Documents, SharedExecutions  # noqa: E402
from tasks.api.schema import schema  # noqa: E402
from tasks.api.transport.http import Door, GraphQLHTTP  # noqa: E402
from tasks.api.transport.socket import GraphQLSocket, SocketRules  # noqa: E402
from tasks.api.viewer import Viewers  # noqa: E402
from tasks.hub import current_hub  # noqa: E402

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

GRAPHQL_PATHS = frozenset({"/graphql", "/graphql/"})

documents = Documents(schema)
viewers = Viewers()
door = Door()
graphql_http = GraphQLHTTP(documents, viewers, door)
graphql_socket = GraphQLSocket.as_asgi(SocketRules.of_settings(documents, SharedExecutions(), viewers, door))


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    """Django's own way costs a thread and ten times the time for each request, so `/graphql` does not take it."""
    await (graphql_http if scope["path"] in GRAPHQL_PATHS else django_application)(scope, receive, send)


async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """A socket anywhere but at `/graphql` is refused before it opens."""
    if scope["path"] in GRAPHQL_PATHS:
        await graphql_socket(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close"})


async def lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """Stop listening and close the connections with the server. Under daphne, which has no lifespan, the process does."""
    while True:
        event = await receive()
        if event["type"] == "lifespan.shutdown":
            await current_hub().stop()
            database.close()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return


application = ProtocolTypeRouter({"http": http, "websocket": websocket, "lifespan": lifespan})
