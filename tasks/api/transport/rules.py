"""What all sockets of one door have in common."""

from dataclasses import dataclass, field
from typing import Self

from django.conf import settings

from tasks.api.execution import Documents, SharedExecutions
from tasks.api.transport.crowd import Crowd
from tasks.api.transport.heartbeat import Heartbeat
from tasks.api.transport.http.door import Door
from tasks.api.transport.standing import MAX_BEAT_SECONDS, FindsViewers


@dataclass(frozen=True, slots=True)
class SocketRules:
    """How to execute, how to tell who is there, and the bounds. One per process, on one loop."""

    documents: Documents
    shared: SharedExecutions
    viewers: FindsViewers
    door: Door
    max_bytes: int
    """Of one incoming message."""
    max_operations: int
    """Running at once on one socket."""
    outbox_frames: int
    outbox_characters: int
    """From either on, a subscription's source is told to pause, and no message is read."""
    handshake_seconds: float
    """For connection_init to come, and then for the credentials to be looked up."""
    heartbeat: Heartbeat
    of_address: Crowd = field(default_factory=lambda: Crowd(10_000))
    of_user: Crowd = field(default_factory=lambda: Crowd(5_000))

    @classmethod
    def of_settings(cls, documents: Documents, shared: SharedExecutions, viewers: FindsViewers, door: Door) -> Self:
        """Make the rules of a door, with the bounds of the settings."""
        handshake_seconds = settings.SOCKET_INIT_SECONDS
        return cls(
            documents=documents,
            shared=shared,
            viewers=viewers,
            door=door,
            max_bytes=settings.MAX_BODY_BYTES,
            max_operations=settings.MAX_SUBSCRIPTIONS_PER_SOCKET,
            outbox_frames=settings.SOCKET_OUTBOX_FRAMES,
            outbox_characters=settings.SOCKET_OUTBOX_CHARACTERS,
            handshake_seconds=handshake_seconds,
            heartbeat=Heartbeat(min(settings.SOCKET_PING_SECONDS, MAX_BEAT_SECONDS), handshake_seconds),
            of_address=Crowd(settings.MAX_SOCKETS_PER_ADDRESS),
            of_user=Crowd(settings.MAX_SOCKETS_PER_USER),
        )
