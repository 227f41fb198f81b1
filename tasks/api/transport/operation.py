"""One operation on a socket, from its `subscribe` to its last message."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from graphql import ExecutionResult, GraphQLError, OperationType

from tasks.api.execution import (
    Context,
    Prepared,
    RequestError,
    Subscription,
    encode,
    execute,
    formatted,
    in_time,
    subscribe,
)
from tasks.api.execution.operations import located
from tasks.api.execution.payloads import dumps
from tasks.api.execution.sharing import Scope, SharedEvent
from tasks.api.transport import protocol

if TYPE_CHECKING:
    from tasks.api.transport.socket import GraphQLSocket

logger = logging.getLogger(__name__)

TOO_MANY_SUBSCRIPTIONS: Final = "TOO_MANY_SUBSCRIPTIONS"


class PushSource(Protocol):
    """A subscription's source that calls us, so that nothing of ours runs while nothing happens."""

    def listen(self, sink: "Operation") -> None:
        """Call `sink.put` for each frame from now on, in order, then `sink.end` or `sink.fail`; all on the loop."""

    def resume(self) -> None:
        """Go on, after `sink.full` was True."""

    async def aclose(self) -> None:
        """Stop for good."""


class Operation:
    """A query, mutation or subscription that a socket runs under an id, and the sink of a subscription's source.

    Its last message is a `complete` or an `error`; after that, or after `stop`, it says nothing more and its id is
    free. It owns a task only while there is something to wait for. A mutation that was begun is carried out even if
    it is stopped: it is told that nobody waits for its answer.
    """

    __slots__ = (
        "_id",
        "_last",
        "_mutation",
        "_owes_resume",
        "_pending",
        "_prefix",
        "_scope",
        "_socket",
        "_source",
        "_stopped",
        "_subscription",
        "_task",
    )

    def __init__(self, socket: "GraphQLSocket", identifier: str) -> None:
        self._socket = socket
        self._id = identifier
        self._prefix = protocol.next_prefix(identifier)
        self._subscription: Subscription | None = None
        self._scope: Scope | None = None
        self._source: PushSource | None = None
        self._task: asyncio.Task[None] | None = None
        self._pending: deque[bytes | Awaitable[bytes]] | None = None
        self._last: str | None = None
        self._mutation: Context | None = None
        self._owes_resume = False
        self._stopped = False

    def start(self, message: protocol.Subscribe, context: Context) -> None:
        """Begin. Never raises: whatever is wrong becomes the `error` of this operation."""
        try:
            self._start(message, context)
        except Exception as fault:  # noqa: BLE001 - logged and masked where it is formatted
            self.fail(fault)

    def refuse_as_one_too_many(self) -> None:
        """Say that the socket runs as many operations as it may; nothing is begun."""
        problem = f"At most {self._socket.rules.max_operations} operations may run on one socket."
        self._refuse([GraphQLError(problem, extensions={"code": TOO_MANY_SUBSCRIPTIONS})])

    def stop(self) -> None:
        """End without a word: the client has asked for it, or has gone."""
        if self._stopped:
            return
        self._stopped = True
        if self._mutation is not None:
            self._mutation.abandoned.set()
            self._mutation = None
            self._socket.abandoned_mutations += 1
        elif self._task is not None:
            self._task.cancel()
        self._drop_pending()
        if self._source is not None:
            self._socket.run(self._close(self._source))

    # --- the sink of a source that pushes --------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """True: put no more until `resume` is called. Whoever asks and hears True has that call coming."""
        outbox = self._socket.outbox
        crowded = self._pending is not None and len(self._pending) >= self._socket.rules.outbox_frames
        if not crowded and not outbox.is_full:
            return False
        if not self._owes_resume:
            self._owes_resume = True
            if self._pending is None:
                outbox.when_empty(self._resume)
        return True

    def put(self, frame: SharedEvent) -> None:
        """Send one event as a `next`, after all earlier ones. Never raises."""
        if self._stopped or self._subscription is None:
            return
        try:
            payload = self._socket.rules.shared.payload(self._subscription, self._scope, frame)
        except Exception as fault:  # noqa: BLE001 - logged and masked where it is formatted
            self._break_off(fault)
            return
        if self._pending is not None:
            self._pending.append(payload)
        elif isinstance(payload, bytes):
            self._socket.outbox.put(f"{self._prefix}{payload.decode()}}}")
        else:
            self._pending = deque((payload,))
            self._task = self._socket.run(self._write_pending(self._pending))

    def end(self) -> None:
        """Complete, once everything that was put is sent."""
        self._source = None
        self._finish(protocol.complete(self._id))

    def fail(self, fault: Exception) -> None:
        """End with an `error`, once everything that was put is sent."""
        self._source = None
        if not self._stopped:
            self._refuse([located(fault, self._subscription)])

    # --- how it runs -----------------------------------------------------------------------------------------------

    def _start(self, message: protocol.Subscribe, context: Context) -> None:
        prepared = self._socket.rules.documents.at_once(message.query)
        if prepared is None:
            self._task = self._socket.run(self._start_later(message, context))
        else:
            self._begin(prepared, message, context)

    async def _start_later(self, message: protocol.Subscribe, context: Context) -> None:
        """Begin once the document is prepared, if the client still wants it then."""
        try:
            prepared = await self._socket.rules.documents.aside(message.query)
            self._task = None
            if not self._stopped:
                self._begin(prepared, message, context)
        except Exception as fault:  # noqa: BLE001 - logged and masked where it is formatted
            self.fail(fault)

    def _begin(self, prepared: Prepared | list[GraphQLError], message: protocol.Subscribe, context: Context) -> None:
        if not isinstance(prepared, Prepared):
            self._refuse(prepared)
            return
        operation = prepared.operation(message.operation_name)
        if isinstance(operation, GraphQLError):
            self._refuse([operation])
            return
        if operation.operation is OperationType.SUBSCRIPTION:
            self._task = self._socket.run(self._follow(prepared, message, context))
            return
        result = execute(prepared, message.operation_name, message.variables, context)
        if isinstance(result, ExecutionResult):
            self._answer(result)
        elif operation.operation is OperationType.MUTATION:
            self._mutation = context
            self._task = self._socket.run(self._carry_out(in_time(result, prepared, context), context))
        else:
            self._task = self._socket.run(self._await_answer(in_time(result, prepared, context)))

    def _answer(self, result: ExecutionResult) -> None:
        """Send the one result of a query or mutation; what was never executed is an `error`."""
        if isinstance(result, RequestError):
            self._refuse(result.errors or [])
        elif not self._stopped:
            self._socket.outbox.put(f"{self._prefix}{encode(result).decode()}}}")
            self._finish(protocol.complete(self._id))

    async def _await_answer(self, result: Awaitable[ExecutionResult]) -> None:
        try:
            self._answer(await result)
        except Exception as fault:  # noqa: BLE001 - logged and masked where it is formatted
            self.fail(fault)

    async def _carry_out(self, result: Awaitable[ExecutionResult], context: Context) -> None:
        """Answer a mutation, if anybody is there to hear it. One that was stopped meanwhile has its effects too."""
        try:
            await self._await_answer(result)
        finally:
            if self._mutation is None:
                self._socket.abandoned_mutations -= 1
        if context.signed_out:
            self._socket.signed_out()

    async def _follow(self, prepared: Prepared, message: protocol.Subscribe, context: Context) -> None:
        """Open a subscription's source, then let it push; or pull, where it can't."""
        try:
            opened = await subscribe(prepared, message.operation_name, message.variables, context)
            if isinstance(opened, ExecutionResult):
                self._refuse(opened.errors or [])
                return
            self._subscription = opened
            if hasattr(opened.source, "listen"):
                self._scope = self._socket.rules.shared.scope(opened, context.viewer)
                self._task = None
                self._source = cast("PushSource", opened.source)
                self._source.listen(self)
            else:
                await self._pull(opened, opened.source)
        except Exception as fault:  # noqa: BLE001 - logged and masked where it is formatted
            self._break_off(fault)

    async def _pull(self, subscription: Subscription, source: AsyncIterable[Any]) -> None:
        try:
            async for event in source:
                payload = self._socket.rules.shared.payload(subscription, None, event)
                await self._next(payload if isinstance(payload, bytes) else await payload)
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()
        self._finish(protocol.complete(self._id))

    async def _write_pending(self, pending: deque[bytes | Awaitable[bytes]]) -> None:
        """Send what had to be waited for, and what came after it, in order."""
        try:
            while pending:
                payload = pending.popleft()
                await self._next(payload if isinstance(payload, bytes) else await payload)
        except Exception as fault:  # noqa: BLE001 - logged and masked where it is formatted
            self._drop_pending()
            self._break_off(fault)
            return
        self._pending = self._task = None
        if self._last is not None:
            self._finish(self._last)
        elif self._owes_resume:
            self._resume()

    async def _next(self, payload: bytes) -> None:
        if not self._stopped:
            self._socket.outbox.put(f"{self._prefix}{payload.decode()}}}")
            await self._socket.outbox.room()

    def _resume(self) -> None:
        owed, self._owes_resume = self._owes_resume, False
        if owed and self._source is not None and not self._stopped:
            try:
                self._source.resume()
            except Exception as fault:  # noqa: BLE001 - logged and masked where it is formatted
                self._break_off(fault)

    def _break_off(self, fault: Exception) -> None:
        """End with an `error` for a fault on this side of the source, which goes on until it is closed."""
        source = self._source
        self.fail(fault)
        if source is not None:
            self._socket.run(self._close(source))

    def _drop_pending(self) -> None:
        for payload in self._pending or ():
            _let_go(payload)
        self._pending = self._last = None

    def _refuse(self, errors: list[GraphQLError]) -> None:
        self._finish(protocol.error(self._id, dumps(formatted(errors)).decode()))

    def _finish(self, last: str) -> None:
        """Send the last message now, or when what is pending has gone."""
        if self._stopped:
            return
        if self._pending is not None:
            self._last = last
            return
        self._stopped = True
        self._socket.forget(self._id, self)
        self._socket.outbox.put(last)

    async def _close(self, source: PushSource) -> None:
        try:
            await source.aclose()
        except Exception:
            logger.exception("a subscription's source could not be closed")


def _let_go(payload: bytes | Awaitable[bytes]) -> None:
    """Drop an awaitable that nobody is going to await."""
    if isinstance(payload, asyncio.Future):
        payload.cancel()
    elif isinstance(payload, Coroutine):
        payload.close()
