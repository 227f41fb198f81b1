import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tasks.worker.exits import exit_of


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process that ends with code 3 once its standard input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(3)"], stdin=subprocess.PIPE
    )
    yield process
    process.kill()
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def await_end(process: "subprocess.Popen[bytes]") -> None:
    """Wait without taking its exit status."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def test_a_living_process_has_no_exit(child: "subprocess.Popen[bytes]"):
    assert exit_of(child.pid) is None


def test_an_exit_is_told_and_its_status_left_for_the_parent(child: "subprocess.Popen[bytes]"):
    assert child.stdin is not None
    child.stdin.close()
    await_end(child)

    assert exit_of(child.pid) == "exited with code 3"
    assert child.wait() == 3


def test_a_kill_is_told_by_its_signal(child: "subprocess.Popen[bytes]"):
    child.send_signal(signal.SIGTERM)
    await_end(child)

    assert exit_of(child.pid) == "was ended by SIGTERM"


def test_a_process_that_somebody_waited_for_is_gone(child: "subprocess.Popen[bytes]"):
    child.kill()
    child.wait()

    assert exit_of(child.pid) == "is gone"
