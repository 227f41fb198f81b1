"""How the supervisor hears that it is to stop: signals arrive as bytes in a pipe and are looked at where it waits."""

import select
import signal
import socket
from types import FrameType, TracebackType
from typing import Final, Self

_STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NOTICED: Final = (*_STOPS, signal.SIGCHLD)


class StopAsked(Exception):
    """Somebody pressed Ctrl-C, sent SIGTERM or closed the terminal."""


class Signals:
    """A context in which no signal can interrupt a step: it is noticed in `pause` and nowhere else.

    So no child can be lost between its start and the note that it has been started, and a second Ctrl-C can't break
    off the stopping. Outside of it the former handlers stand again.
    """

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._former_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._former = {number: signal.signal(number, _heard) for number in _NOTICED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_fd)
        self._reader.close()
        self._writer.close()

    def pause(self, seconds: float) -> None:
        """Wait that long, or until a child has ended. Raises `StopAsked`."""
        if not select.select([self._reader], [], [], seconds)[0]:
            return
        if set(self._reader.recv(4096)).intersection(_STOPS):
            raise StopAsked


def _heard(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the byte in the pipe says it all."""
