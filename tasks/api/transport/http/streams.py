"""All streams of server-sent events of one process: how many there may be, their heartbeat and their common end."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from tasks.api.execution import SharedExecutions
from tasks.api.transport.crowd import Crowd
from tasks.api.transport.heartbeat import Heartbeat
from tasks.api.transport.standing import MAX_BEAT_SECONDS, FindsViewers

if TYPE_CHECKING:
    from tasks.api.transport.http.streaming import EventStream


class Streams:
    """All open streams of one process, and what they have in common. On one loop.

    Each counts as a socket of its address and of its user, from before its subscription is opened.
    """

    def __init__(
        self,
        viewers: FindsViewers,
        shared: SharedExecutions | None = None,
        heartbeat: Heartbeat | None = None,
        of_address: Crowd | None = None,
        of_user: Crowd | None = None,
    ) -> None:
        self.viewers = viewers
        self.shared = shared or SharedExecutions()
        self.heartbeat = heartbeat or Heartbeat(
            min(settings.SOCKET_PING_SECONDS, MAX_BEAT_SECONDS), settings.SOCKET_INIT_SECONDS
        )
        self.of_address = of_address or Crowd(settings.MAX_SOCKETS_PER_ADDRESS)
        self.of_user = of_user or Crowd(settings.MAX_SOCKETS_PER_USER)
        self.is_stopping = False
        """From then on no stream may open: the server would have to wait for it."""
        self._open: dict[EventStream, int] = {}

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._open)

    def admit(self, address: str | None, user_id: UUID | None) -> bool:
        """Count one more, until `dismiss`. False: the address or the user has as many open as may be."""
        if not self.of_address.enter(address):
            return False
        if user_id is not None and not self.of_user.enter(user_id):
            self.of_address.leave(address)
            return False
        return True

    def dismiss(self, address: str | None, user_id: UUID | None) -> None:
        """Count one less."""
        self.of_address.leave(address)
        if user_id is not None:
            self.of_user.leave(user_id)

    def enter(self, stream: "EventStream") -> None:
        """Have a stream beat that was admitted, until it leaves."""
        self._open[stream] = self.heartbeat.add(stream)
        self.heartbeat.handshake_done(stream)

    def leave(self, stream: "EventStream") -> None:
        """Forget a stream, and dismiss it."""
        self.heartbeat.remove(stream, self._open.pop(stream))
        self.dismiss(stream.address, stream.user_id)

    def end_all(self) -> None:
        """End every stream, since the server stops. Without `complete`, so that the clients come back to another."""
        self.is_stopping = True
        for stream in list(self._open):
            stream.end()
