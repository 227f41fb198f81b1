"""What resolvers see as `info.context`."""

import asyncio
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.core.handlers.asgi import ASGIRequest

from tasks.api.viewer import Viewer

if TYPE_CHECKING:
    from tasks.api.loaders import Loaders


class Context:
    """Of one execution: a request, an operation on a socket, or one event of a subscription. Never kept longer.

    Over HTTP `sign_in` and `sign_out` reach the browser as its session cookie. On a socket no answer could carry a
    cookie (`sets_cookies` is False); `sign_out` closes it.
    """

    __slots__ = (
        "_abandoned",
        "_loaders",
        "_request",
        "resume_after",
        "scope",
        "session_change",
        "session_key",
        "viewer",
    )

    def __init__(
        self,
        viewer: Viewer,
        *,
        scope: dict[str, Any] | None = None,
        session_key: str | None = None,
        resume_after: str | None = None,
    ) -> None:
        self.viewer = viewer
        self.scope = scope
        """The ASGI scope of the HTTP request; None on a socket."""
        self.session_key = session_key
        """Of the session cookie that came with the request or the handshake, whether it is good or not."""
        self.resume_after = resume_after
        """The cursor in a Last-Event-ID header: it takes the place of a subscription's argument `after`."""
        self.session_change: str | None = None
        """The session key that the browser shall have from now on; "": none; None: leave it be."""
        self._abandoned: asyncio.Event | None = None
        self._loaders: Loaders | None = None
        self._request: ASGIRequest | None = None

    @property
    def abandoned(self) -> asyncio.Event:
        """Set when nobody waits for this mutation's answer any more. It is carried out all the same, but need not wait.

        Queries and subscriptions are cancelled instead. Made on first use.
        """
        if self._abandoned is None:
            self._abandoned = asyncio.Event()
        return self._abandoned

    @property
    def sets_cookies(self) -> bool:
        """True over HTTP."""
        return self.scope is not None

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
        return Context(self.viewer, scope=self.scope, session_key=self.session_key)
