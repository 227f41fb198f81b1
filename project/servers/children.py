"""One child process: in a session of its own, ended with its parent, stopped by a signal and a deadline."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_POLL_SECONDS: Final = 0.02
_LOG_LINES_SHOWN: Final = 5
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

Pause = Callable[[float], None]
"""Waits that many seconds; raises if whoever waits has been told to stop."""


class ServerFailed(Exception):
    """A server could not be found, did not start or ended at once; the message says which, and its last words."""


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on just now. Somebody may take it before you do: be ready to ask again."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def end_with_parent(sent_signal: signal.Signals) -> Callable[[], None]:
    """Return what the child is to call before exec, so that it gets `sent_signal` when the calling process dies.

    Linux alone can do this; elsewhere the child outlives a killed parent.
    """
    parent = os.getpid()

    def arm() -> None:
        if _prctl is None:
            return
        _prctl(_PR_SET_PDEATHSIG, int(sent_signal))
        if os.getppid() != parent:
            os._exit(1)  # the parent died before the signal was armed, and no one else would end us

    return arm


class Child:
    """A process that we own, from `start` until `stop` has returned.

    Its session is its own, so a Ctrl-C at the terminal reaches us alone and we decide on the order. `stop_signal` is
    what ends it kindly, by `stop` and at our own death.
    """

    def __init__(
        self, name: str, command: Sequence[str | Path], *, stop_signal: signal.Signals = signal.SIGTERM
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._log: Path | None = None

    @property
    def pid(self) -> int | None:
        """The process's id, or None before the start."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll() if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(
        self,
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        log: Path | None = None,
        user: str | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        """Start it with the whole `environment` (ours if None). What it prints goes to `log`, or where ours goes.

        `inherited` are the file descriptors of ours that it gets, under the same numbers. Raises `ServerFailed`.
        """
        self._log = log
        output = log.open("ab") if log else None
        try:
            self._process = subprocess.Popen(  # noqa: S603 - commands are built here, no shell
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                env=environment,
                cwd=directory,
                user=user,
                group=_group_of(user),
                extra_groups=[] if user else None,
                pass_fds=inherited,
                start_new_session=True,
                preexec_fn=end_with_parent(self.stop_signal),  # noqa: PLW1509 - only the main thread starts children
            )
        except OSError as error:
            raise ServerFailed(f"{self.name} could not be started: {error}") from error
        finally:
            if output:
                output.close()

    def wait(self, seconds: float) -> int | None:
        """Wait for its end and return the exit code, or None if it still runs after `seconds`."""
        if self._process is None:
            return None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def send(self, sent_signal: signal.Signals) -> None:
        """Send a signal to the process; nothing happens if it has ended."""
        if self._process is not None:
            self._process.send_signal(sent_signal)

    def stop(self, seconds: float = 5.0) -> int | None:
        """Ask it to end, wait, and end at once what is left of its session by then. Safe to call again."""
        if self._process is None:
            return None
        self.send(self.stop_signal)
        self.wait(seconds)
        self.kill()
        return self._process.wait()

    def kill(self) -> None:
        """End it and all that it started in its session, at once; also what it has left behind, if it has ended."""
        if self._process is None:
            return
        # macOS answers EPERM where all that is left of the group is its dead leader.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def await_fact(self, fact: Callable[[], bool], seconds: float, pause: Pause = time.sleep) -> None:
        """Return once `fact()` holds. Raises `ServerFailed` if the process ends first or `seconds` pass.

        `pause` is called between two looks, and may raise to give up.
        """
        deadline = time.monotonic() + seconds
        while not fact():
            if not self.is_running:
                raise ServerFailed(f"{self.name} {self.ending} while starting{self._last_words()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} was not ready after {seconds:g} s{self._last_words()}")
            pause(_POLL_SECONDS)

    def await_end(self, seconds: float, pause: Pause = time.sleep) -> None:
        """Return once it has ended well. Raises `ServerFailed` if it ended badly, or not within `seconds`."""
        deadline = time.monotonic() + seconds
        while self.is_running:
            if time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} has not ended after {seconds:g} s")
            pause(_POLL_SECONDS)
        if self.exit_code:
            raise ServerFailed(f"{self.name} {self.ending}")

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        code = self.exit_code
        if code is None or code >= 0:
            return f"ended with exit code {code}"
        return f"was ended by {signal.Signals(-code).name}"

    def _last_words(self) -> str:
        if self._log is None or not self._log.exists():
            return ""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return "".join(f"\n  {line}" for line in lines[-_LOG_LINES_SHOWN:])


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd  # noqa: PLC0415 - POSIX alone has it

    return pwd.getpwnam(user).pw_gid
