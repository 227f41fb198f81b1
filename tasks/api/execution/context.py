"""What resolvers see as `info.context`."""

import asyncio
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.core.handlers.asgi import ASGIRequest

from tasks.api.viewer import Viewer

if TYPE_CHECKING:
    from tasks.api.loaders import Loaders


class Context:
    """Of one execution: a request, an operation on a socket, or one event of a subscription. Never kept longer.

    Over HTTP `sign_in` and `sign_out` reach the browser as its session cookie. On a socket no answer could carry a
    cookie, and a page of another site has no say in our cookies (`sets_cookies` is False); `sign_out` closes a socket.
    """

    __slots__ = (
        "_abandoned",
        "_find_address",
        "_loaders",
        "_request",
        "_timeout",
        "_waits",
        "resume_after",
        "scope",
        "session_change",
        "session_key",
        "sets_cookies",
        "viewer",
    )

    def __init__(
        self,
        viewer: Viewer,
        *,
        scope: dict[str, Any] | None = None,
        session_key: str | None = None,
        sets_cookies: bool = True,
        find_address: Callable[[], str] | None = None,
    ) -> None:
        self.viewer = viewer
        self.scope = scope
        """The ASGI scope of the HTTP request; None on a socket."""
        self.session_key = session_key
        """Of the session cookie that came with the request or the handshake, whether it is good or not."""
        self.resume_after: str | None = None
        """The cursor in a Last-Event-ID header: it takes the place of a subscription's argument `after`."""
        self.session_change: str | None = None
        """The session key that the browser shall have from now on; "": none; None: leave it be."""
        self.sets_cookies = sets_cookies and scope is not None
        """True over HTTP, for programs and for pages that may use the cookie."""
        self._find_address = find_address
        self._abandoned: asyncio.Event | None = None
        self._loaders: Loaders | None = None
        self._request: ASGIRequest | None = None
        self._timeout: asyncio.Timeout | None = None
        self._waits = 0.0

    def time_limit(self, seconds: float) -> asyncio.Timeout:
        """Return the time-out of this operation, to be entered once."""
        self._timeout = asyncio.timeout(seconds + self._waits)
        return self._timeout

    def wait_for_client(self, seconds: float) -> None:
        """Give the operation that much more time: it waits because its client has asked it to."""
        self._waits += seconds
        timeout = self._timeout
        when = timeout.when() if timeout is not None else None
        if timeout is not None and when is not None:
            timeout.reschedule(when + seconds)

    @property
    def abandoned(self) -> asyncio.Event:
        """Set when nobody waits for this mutation's answer any more. It is carried out all the same, but need not wait.

        Queries and subscriptions are cancelled instead. Made on first use.
        """
        if self._abandoned is None:
            self._abandoned = asyncio.Event()
        return self._abandoned

    @property
    def address(self) -> str | None:
        """The client's; None where the door does not tell. Found when it is asked for."""
        return None if self._find_address is None else self._find_address()

    @property
    def signed_out(self) -> bool:
        """True after `sign_out`."""
        return self.session_change == ""

    @property
    def loaders(self) -> "Loaders":
        """Data loaders, made on first use, whose cache ends with this execution."""
        if self._loaders is None:
            from tasks.api.loaders import Loaders  # noqa: PLC0415 - loaders know the types, which know the context

            self._loaders = Loaders(self.viewer)
        return self._loaders

    @property
    def request(self) -> ASGIRequest | None:
        """Django's view of the HTTP request, without a body; None on a socket. Built on first use: it is not cheap."""
        if self._request is None and self.scope is not None:
            self._request = ASGIRequest(self.scope, BytesIO())
        return self._request

    def sign_in(self, session_key: str) -> None:
        """Give the browser this session."""
        self.session_change = session_key

    def sign_out(self) -> None:
        """Take the session cookie from the browser; on a socket, close it once this operation is answered."""
        self.session_change = ""

    def fresh(self) -> "Context":
        """Return a context for the next event of the same subscription: same viewer, empty loaders."""
        return Context(
            self.viewer,
            scope=self.scope,
            session_key=self.session_key,
            sets_cookies=self.sets_cookies,
            find_address=self._find_address,
        )
