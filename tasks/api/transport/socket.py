"""The graphql-transport-ws door of `/graphql`: one Channels consumer a socket, by the letter of its protocol."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any
from uuid import UUID

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from tasks.api.execution import Context
from tasks.api.execution.payloads import fault
from tasks.api.transport import protocol
from tasks.api.transport.address import address
from tasks.api.transport.crowd import TOO_MANY_SOCKETS
from tasks.api.transport.http.door import header_map
from tasks.api.transport.operation import Operation
from tasks.api.transport.outbox import Outbox, Send
from tasks.api.transport.protocol import CloseCode, Refusal
from tasks.api.transport.rules import SocketRules
from tasks.api.transport.standing import has_expired, look_again
from tasks.api.viewer import Credentials, Viewer, session_key_of
from tasks.errors import StoreUnavailable, Unauthenticated

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]

END_SECONDS = 10.0
"""How long the operations of a socket that is gone may take to end before they are left behind, with a log line."""


class GraphQLSocket(AsyncConsumer):  # type: ignore[misc]  # Channels is untyped
    """One socket, from its handshake to its end, and the operations that run on it.

    It joins no group and has no channel of its own: what subscriptions tell comes from their sources, on the loop.
    Whatever goes wrong here closes the socket with a code; whatever goes wrong in an operation ends that one alone.
    """

    def __init__(self, rules: SocketRules) -> None:
        self.rules = rules
        self.operations: dict[str, Operation] = {}
        self.abandoned_mutations = 0
        """They go on although nobody hears their answer, and so take the place of an operation."""
        self._credentials = Credentials()
        self._viewer: Viewer | None = None
        self._address: str | None = None
        self._user_id: UUID | None = None
        self._init_came = False
        self._origin_is_trusted = False
        self._heard = True
        self._closing = False
        self._asking: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] | None = None

    @classmethod
    def as_asgi(cls, rules: SocketRules) -> Any:
        """Make the ASGI application for Channels' router; each socket gets a consumer of its own."""
        return super().as_asgi(rules=rules)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the socket until it is gone; then nothing of it runs any more."""
        rules = self.rules
        self.scope = scope
        self.base_send = send
        self.outbox = Outbox(send, rules.outbox_frames, rules.outbox_characters)
        self._serving = asyncio.current_task()
        self._slot = rules.heartbeat.add(self)
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        except asyncio.CancelledError:
            if not self._closing:
                raise
        finally:
            await self._end()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one message of the server.

        Channels' own dispatch hops through the thread that all database access shares, for each frame, to close old
        connections. None is ever opened here.
        """
        kind = message["type"]
        if kind == "websocket.receive":
            await self._receive(message)
        elif kind == "websocket.connect":
            await self._connect()
        else:
            raise StopConsumer

    # --- what comes in ---------------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        # What daphne puts into the scope as lists must be tuples to be remembered.
        scope = {**self.scope, "server": tuple(self.scope.get("server") or ())}
        verdict = self.rules.door.judge(scope, header_map(scope))
        if not verdict.host_allowed:
            # Before it is accepted, the handshake is answered with 403.
            await self.outbox.close(CloseCode.FORBIDDEN, "expected a host among ALLOWED_HOSTS")
            return
        client = address(scope)
        if not self.rules.of_address.enter(client):
            await self._refuse_handshake()
            return
        self._address = client
        self._origin_is_trusted = verdict.trusts_origin
        if protocol.SUBPROTOCOL in self.scope["subprotocols"]:
            await self.base_send({"type": "websocket.accept", "subprotocol": protocol.SUBPROTOCOL})
            return
        await self.base_send({"type": "websocket.accept"})
        await self.close(
            Refusal(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, f"expected the sub-protocol {protocol.SUBPROTOCOL}")
        )

    async def _refuse_handshake(self) -> None:
        """Answer 429 where the server lets us, else 403: the socket is not open yet, and so is not closed."""
        limit = self.rules.of_address.limit
        if "websocket.http.response" not in (self.scope.get("extensions") or {}):
            await self.outbox.close(CloseCode.TRY_AGAIN_LATER, TOO_MANY_SOCKETS)
            return
        self._closing = True
        body = fault(f"at most {limit} sockets may be open from one address", TOO_MANY_SOCKETS)
        headers = [(b"content-type", b"application/json; charset=utf-8"), (b"retry-after", b"10")]
        await self.base_send({"type": "websocket.http.response.start", "status": 429, "headers": headers})
        await self.base_send({"type": "websocket.http.response.body", "body": body})

    async def _receive(self, event: dict[str, Any]) -> None:
        if self._closing:
            return
        self._heard = True
        text = event.get("text")
        try:
            self._handle(protocol.parse(event.get("bytes") or b"" if text is None else text, self.rules.max_bytes))
        except Refusal as refusal:
            await self.close(refusal)
        except Exception:
            logger.exception("a message could not be handled")
            await self.close(_INTERNAL)
        else:
            # Who does not read what we answer is not asked for more.
            if self.outbox.is_full:
                await self.outbox.room()

    def _handle(self, message: protocol.Message) -> None:
        if isinstance(message, protocol.Subscribe):
            self._subscribe(message)
        elif isinstance(message, protocol.Complete):
            operation = self.operations.pop(message.id, None)
            if operation is not None:
                operation.stop()
        elif isinstance(message, protocol.Ping):
            self.outbox.put(protocol.pong(message.payload))
        elif isinstance(message, protocol.ConnectionInit):
            if self._init_came:
                raise Refusal(CloseCode.TOO_MANY_INITIALISATIONS, "Too many initialisation requests")
            self._init_came = True
            self.rules.heartbeat.handshake_done(self)
            self._asking = self.run(self._acknowledge(message.payload))

    def _subscribe(self, message: protocol.Subscribe) -> None:
        if self._viewer is None:
            raise Refusal(CloseCode.UNAUTHORIZED, "Unauthorized")
        if message.id in self.operations:
            raise Refusal(CloseCode.ALREADY_EXISTS, f"Subscriber for {message.id} already exists")
        operation = Operation(self, message.id)
        if len(self.operations) + self.abandoned_mutations >= self.rules.max_operations:
            operation.refuse_as_one_too_many()
            return
        self.operations[message.id] = operation
        find_address = partial(address, self.scope)
        context = Context(self._viewer, session_key=self._credentials.session_key, find_address=find_address)
        operation.start(message, context)

    async def _acknowledge(self, payload: dict[str, Any] | None) -> None:
        """Find out who is there, in a task of its own: what comes before the answer is answered meanwhile."""
        cookie = header_map(self.scope).get(b"cookie", b"").decode("latin-1")
        trusted = self._origin_is_trusted
        try:
            self._credentials = Credentials.of_socket(payload, cookie, origin_is_trusted=trusted)
            async with asyncio.timeout(self.rules.handshake_seconds):
                viewer = await self.rules.viewers.of(self._credentials)
        except Unauthenticated as fault:
            await self.close(Refusal(CloseCode.FORBIDDEN, str(fault) or "Forbidden"))
        except (StoreUnavailable, TimeoutError):
            await self.close(Refusal(CloseCode.TRY_AGAIN_LATER, "Try again later"))
        except Exception:
            logger.exception("a socket could not be authenticated")
            await self.close(_INTERNAL)
        else:
            if not trusted and viewer.is_nobody and session_key_of(cookie) is not None:
                await self.close(Refusal(CloseCode.FORBIDDEN, "expected a token: this page's cookie is not accepted"))
                return
            if viewer.user_id is not None and not self.rules.of_user.enter(viewer.user_id):
                reason = f"{TOO_MANY_SOCKETS}: at most {self.rules.of_user.limit} of one user"
                await self.close(Refusal(CloseCode.TRY_AGAIN_LATER, reason))
                return
            self._viewer, self._user_id, self._asking = viewer, viewer.user_id, None
            self.outbox.put(protocol.ACK)

    async def _ask_again(self, viewer: Viewer) -> None:
        """Close if the credentials are good for nobody any more, or for other rights than when they were shown."""
        try:
            now = await look_again(self.rules.viewers, self._credentials, viewer)
        finally:
            self._asking = None
        if now is None:
            await self.close(Refusal(CloseCode.FORBIDDEN, "logged out, or with other rights than before"))
        else:
            self._viewer = now

    # --- the heartbeat ---------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Ping the peer, or give it up: it answered nothing since the last ping. So is a viewer whose time is over.

        Whether the credentials still hold is asked in a task; sockets with the same ones share a query.
        """
        viewer = self._viewer
        if viewer is None or self._closing:
            return
        outbox = self.outbox
        alive, self._heard, outbox.progressed = self._heard or outbox.progressed, False, False
        if not alive:
            self.run(self.close(Refusal(CloseCode.TERMINATED, "no answer to a ping")))
        elif has_expired(viewer):
            self.run(self.close(Refusal(CloseCode.FORBIDDEN, "the token has expired")))
        else:
            if outbox.is_idle:
                outbox.put(protocol.PING)
            if not viewer.is_nobody and self._asking is None:
                self._asking = self.run(self._ask_again(viewer))

    def give_up_handshake(self) -> None:
        """Close: no connection_init came in time."""
        if not self._closing:
            self.run(self.close(Refusal(CloseCode.INITIALISATION_TIMEOUT, "Connection initialisation timeout")))

    # --- the end ---------------------------------------------------------------------------------------------------

    def signed_out(self) -> None:
        """Close once everything that was answered is sent: the viewer has logged out by way of this socket."""
        if self._viewer is not None:
            self.rules.viewers.forget(self._viewer, self._credentials.session_key)
        self.outbox.when_empty(self._close_signed_out)

    def _close_signed_out(self) -> None:
        if not self._closing:
            self.run(self.close(Refusal(CloseCode.FORBIDDEN, "logged out")))

    async def close(self, refusal: Refusal) -> None:
        """Close the socket, whatever still waits to be written. The operations end with it."""
        if self._closing:
            return
        self._closing = True
        self._stop_operations()
        if not await self.outbox.close(refusal.code, refusal.reason) and self._serving is not None:
            # A peer that takes nothing never lets the server tell us that it is gone.
            self._serving.cancel()

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that belongs to this socket and must not outlive it."""
        if self._background is None:
            self._background = set()
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def forget(self, identifier: str, operation: Operation) -> None:
        """Free the id of an operation that has said its last."""
        if self.operations.get(identifier) is operation:
            del self.operations[identifier]

    def _stop_operations(self) -> None:
        operations, self.operations = self.operations, {}
        for operation in operations.values():
            operation.stop()

    async def _end(self) -> None:
        """Leave nothing behind: no deadline, no operation, no task."""
        self._closing = True
        self.rules.heartbeat.remove(self, self._slot)
        if self._address is not None:
            self.rules.of_address.leave(self._address)
        if self._user_id is not None:
            self.rules.of_user.leave(self._user_id)
        self.outbox.shut()
        self._stop_operations()
        if self._asking is not None:
            self._asking.cancel()
        if self._background:
            _, late = await asyncio.wait(self._background, timeout=END_SECONDS)
            for task in late:
                logger.warning("%r of a closed socket did not end in time", task)
                task.cancel()


_INTERNAL = Refusal(CloseCode.INTERNAL, "Internal server error")


async def refuse_socket(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's signature
    """Answer the handshake of a socket on an unknown path with 403."""
    await receive()
    await send({"type": "websocket.close"})
