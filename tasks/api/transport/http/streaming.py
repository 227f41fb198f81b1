"""One subscription over one HTTP response, told as server-sent events."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Final

from graphql import GraphQLError

from tasks.api.execution import Context, RequestError, Subscription, encode
from tasks.api.execution.operations import located
from tasks.api.transport.http.body import Receive
from tasks.api.transport.http.disconnects import watched
from tasks.api.transport.http.events import COMPLETE, HEARTBEAT, STREAM_HEADERS, event_id_of, next_event
from tasks.api.transport.http.negotiation import EVENTS
from tasks.api.transport.http.responses import VARY, Header, Send, begin, respond_nothing
from tasks.api.transport.http.streams import Streams
from tasks.api.transport.standing import has_expired, look_again
from tasks.api.viewer import Credentials
from tasks.errors import NotPermitted, StoreUnavailable

logger = logging.getLogger(__name__)

RESUME_SECONDS: Final = 1.0
"""How long a stream that is resumed may wait to find out that there is nothing left to tell, before it opens."""
END_SECONDS: Final = 5.0
"""How long its last words may wait for a client that does not read."""


class EventStream:
    """Pulls a subscription's source, at the pace at which the client reads, and tells each event as a `next`.

    Ends with `complete` once the source does; with the errors as a `next` before it if the source fails; without it
    where the client does well to come back. One that is resumed after everything was told is answered 204, upon which
    a browser's EventSource does not come back. Whatever happens, nothing of it runs when `serve` has returned, which
    must be called. The `Streams` that it enters have admitted it.
    """

    def __init__(
        self,
        streams: Streams,
        subscription: Subscription,
        credentials: Credentials,
        context: Context,
    ) -> None:
        self.address = context.address
        self.user_id = context.viewer.user_id
        self._streams = streams
        self._subscription = subscription
        self._credentials = credentials
        self._viewer = context.viewer
        self._is_resumed = context.resume_after is not None
        self._send: Send
        self._headers: list[Header] = []
        self._serving: asyncio.Task[Any] | None = None
        self._opening: asyncio.TimerHandle | None = None
        """Until a stream that is resumed opens, whether or not there is anything to tell."""
        self._background: set[asyncio.Task[None]] = set()
        self._is_asking = False
        self._writing = asyncio.Lock()
        self._is_open = False
        self._is_done = False
        self._has_moved = True
        """The client took something since the last beat."""
        self._last_words: bytes | None = None
        """What an interrupted stream still has to say; None where nobody is left to hear it."""
        streams.enter(self)

    async def serve(self, receive: Receive, send: Send, headers: Iterable[Header]) -> None:
        """Tell everything, to the end or until the client leaves."""
        self._send = send
        self._headers = [*STREAM_HEADERS, VARY, *headers]
        self._serving = asyncio.current_task()
        self._last_words = b""  # what a server says that cancels us, which is no fault of the client's
        if self._is_resumed:
            self._opening = asyncio.get_running_loop().call_later(RESUME_SECONDS, self._open)
        try:
            with watched(receive, self._leave):
                if self._streams.is_stopping:  # since it was admitted
                    self.end()
                    await asyncio.sleep(0)  # where that takes effect
                await self._follow()
        except asyncio.CancelledError:
            await self._speak_last()
        finally:
            self._serving = None
            if self._opening is not None:
                self._opening.cancel()
            self._streams.leave(self)
            self._drop_background()
            await _close(self._subscription.source)

    def end(self) -> None:
        """End without a word: the client shall come back, here or elsewhere."""
        self._interrupt(b"")

    # --- the heartbeat ---------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Tell a comment. Give up a client that has not taken the last one, and a viewer whose time is over."""
        has_moved, self._has_moved = self._has_moved, False
        if not has_moved:
            self._leave()
        elif has_expired(self._viewer):
            self._refuse("the token has expired")
        else:
            if self._opening is None or self._is_open:
                self._comment()
            else:
                self._has_moved = True  # nothing was told yet that it could have taken
            if not self._viewer.is_nobody and not self._is_asking:
                self._is_asking = True
                self._run(self._ask_again())

    def give_up_handshake(self) -> None:
        """Do nothing: whose stream it is was known before it opened."""

    async def _ask_again(self) -> None:
        now = await look_again(self._streams.viewers, self._credentials, self._viewer)
        self._is_asking = False
        if now is None:
            self._refuse("logged out, or with other rights than before")
        else:
            self._viewer = now

    # --- what is told ----------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        last = COMPLETE
        try:
            if not self._is_resumed:
                await self._write(HEARTBEAT)
            await self._tell_all()
        except Exception as fault:  # noqa: BLE001 - logged and masked where it is formatted
            last = _errors(located(fault, self._subscription))
            if not isinstance(fault, StoreUnavailable):
                last += COMPLETE
        await self._write(last, is_last=True)

    async def _tell_all(self) -> None:
        subscription, shared = self._subscription, self._streams.shared
        source = subscription.source
        scope = shared.scope(subscription, self._viewer) if hasattr(source, "listen") else None
        async for event in source:
            payload = shared.payload(subscription, scope, event)
            await self._write(next_event(payload if isinstance(payload, bytes) else await payload, event_id_of(event)))

    async def _write(self, data: bytes, *, is_last: bool = False) -> None:
        """Send, opening the response first; wait while the client does not read."""
        async with self._writing:
            if self._is_done:
                return
            self._is_done = is_last
            if not self._is_open:
                if self._is_resumed and data is COMPLETE:
                    await respond_nothing(self._send, self._headers)
                    return
                await begin(self._send, EVENTS, self._headers)
                self._is_open = True
            await self._send({"type": "http.response.body", "body": data, "more_body": not is_last})
            self._has_moved = True

    def _open(self) -> None:
        self._opening = None
        self._comment()

    def _comment(self) -> None:
        if not self._writing.locked():
            self._run(self._write(HEARTBEAT))

    # --- its end ---------------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        """End: the client has gone, or takes nothing."""
        self._interrupt(None)

    def _refuse(self, why: str) -> None:
        """End with an error, since this viewer may not listen any more."""
        fault = NotPermitted(why)
        self._interrupt(_errors(located(fault, self._subscription)) + COMPLETE)

    def _interrupt(self, last_words: bytes | None) -> None:
        if self._serving is not None:
            self._last_words = last_words
            self._serving.cancel()
            self._serving = None

    async def _speak_last(self) -> None:
        """End the response as well as can be, after an interruption."""
        serving = asyncio.current_task()
        if serving is not None:
            serving.uncancel()
        self._drop_background()
        if self._last_words is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await self._write(self._last_words, is_last=True)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.debug("could not write to a stream", exc_info=task.exception())
            self._leave()

    def _drop_background(self) -> None:
        for task in self._background:
            task.cancel()


def _errors(error: GraphQLError) -> bytes:
    return next_event(encode(RequestError(None, [error])))


async def _close(source: Any) -> None:
    close: Callable[[], Awaitable[None]] | None = getattr(source, "aclose", None)
    try:
        if close is not None:
            await close()
    except Exception:
        logger.exception("a subscription's source could not be closed")
