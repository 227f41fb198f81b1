"""One timer for all sockets: pings, peers that are dead, handshakes that never came."""

import asyncio
import logging
from collections.abc import Callable
from itertools import cycle
from typing import Final, Protocol

logger = logging.getLogger(__name__)

SLOTS: Final = 20
"""The sockets are spread over so many slots, so that no tick has them all to ping."""


class Pulsed(Protocol):
    """What the heartbeat knows of a socket. Neither call may wait."""

    def beat(self) -> None:
        """Ping the peer, or give it up if it answered nothing since the last beat."""

    def give_up_handshake(self) -> None:
        """End the socket: the time for its connection_init is over."""


class Heartbeat:
    """Calls `beat` of each socket once in `beat_seconds`, and `give_up_handshake` where it takes too long.

    One for all sockets of a door. Ticks only while there are any; whoever adds a socket removes it.
    """

    def __init__(self, beat_seconds: float, handshake_seconds: float) -> None:
        self.beat_seconds = beat_seconds
        self._handshake_seconds = handshake_seconds
        self._tick_seconds = min(beat_seconds / SLOTS, handshake_seconds / 4)
        self._ticks_per_slot = max(1, round(beat_seconds / SLOTS / self._tick_seconds))
        self._slots: list[set[Pulsed]] = [set() for _ in range(SLOTS)]
        self._next_slot = cycle(range(SLOTS))
        self._sockets = 0
        self._ticks = 0
        # All wait equally long, so the order of arrival is the order of the deadlines.
        self._handshakes: dict[Pulsed, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_resting(self) -> bool:
        """True while no timer runs, since there is no socket."""
        return self._timer is None

    def add(self, socket: Pulsed) -> int:
        """Begin with the handshake's deadline; the answer is the socket's slot, to be kept for `remove`."""
        loop = asyncio.get_running_loop()
        self._handshakes[socket] = loop.time() + self._handshake_seconds
        slot = next(self._next_slot)
        self._slots[slot].add(socket)
        self._sockets += 1
        if self._timer is None:
            self._timer = loop.call_later(self._tick_seconds, self._tick, loop)
        return slot

    def handshake_done(self, socket: Pulsed) -> None:
        """Lift the handshake's deadline."""
        self._handshakes.pop(socket, None)

    def remove(self, socket: Pulsed, slot: int) -> None:
        """Forget a socket. To be called once for each."""
        self._handshakes.pop(socket, None)
        self._slots[slot].remove(socket)
        self._sockets -= 1
        if not self._sockets and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self._tick_seconds, self._tick, loop)
        now = loop.time()
        late = []
        for socket, deadline in self._handshakes.items():
            if deadline > now:
                break
            late.append(socket)
        for socket in late:
            del self._handshakes[socket]
            _guarded(socket.give_up_handshake)
        self._ticks += 1
        if self._ticks % self._ticks_per_slot == 0:
            for socket in list(self._slots[self._ticks // self._ticks_per_slot % SLOTS]):
                _guarded(socket.beat)


def _guarded(call: Callable[[], None]) -> None:
    """One socket's fault must not stop everybody's timer."""
    try:
        call()
    except Exception:
        logger.exception("a socket's heartbeat failed")
