"""Whether a child process lives, asked without taking its exit status from Celery, which waits for it too."""

import os
import signal


def exit_of(pid: int) -> str | None:
    """How the child came to its end, in words that follow "the process"; None while it lives."""
    try:
        if not hasattr(os, "waitid"):
            os.kill(pid, 0)
            return None
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ChildProcessError, ProcessLookupError):
        # Celery was faster and has its exit status.
        return "is gone"
    if ended is None:
        return None
    if ended.si_code == os.CLD_EXITED:
        return f"exited with code {ended.si_status}"
    return f"was ended by {_signal_name(ended.si_status)}"


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name}, as the kernel does when memory runs out" if number == signal.SIGKILL else name
