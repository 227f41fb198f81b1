import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from project.servers import Child, ServerFailed, Valkey
from tests.e2e.support import wait_for

StartChild = Callable[..., Child]

STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = os.fork()
print("ready", os.getpid(), grandchild or os.getpid(), flush=True)
time.sleep(60)
"""
PARENT = """
import sys, time
from pathlib import Path
from project.servers import Child
child = Child("child", [sys.executable, "-c", "import time; time.sleep(60)"])
child.start()
Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(60)
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def child_of(log: Path) -> Iterator[StartChild]:
    started: list[Child] = []

    def start(code: str, *arguments: str) -> Child:
        child = Child("the child", [sys.executable, "-c", code, *arguments])
        child.start(log=log)
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait(5)


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
def test_stop_ends_a_stubborn_child_and_its_children(child_of: StartChild, log: Path):
    child = child_of(STUBBORN)
    wait_for(lambda: log.read_text().count("ready") == 2)
    pids = {int(word) for word in log.read_text().split() if word.isdigit()}

    code = child.stop(0.2)

    assert code == -signal.SIGKILL
    assert len(pids) == 2
    wait_for(lambda: not any(is_alive(pid) for pid in pids))


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG")
def test_child_ends_when_its_parent_is_killed(child_of: StartChild, tmp_path: Path):
    note = tmp_path / "pid"
    parent = child_of(PARENT, str(note))
    wait_for(lambda: note.exists() and note.read_text())
    grandchild = int(note.read_text())
    assert is_alive(grandchild)

    parent.send(signal.SIGKILL)

    wait_for(lambda: not is_alive(grandchild))


def test_end_while_starting_is_told_with_the_last_words(child_of: StartChild):
    child = child_of("print('no such thing'); raise SystemExit(3)")

    with pytest.raises(ServerFailed, match="the child ended with exit code 3 while starting\n  no such thing"):
        child.await_fact(lambda: False, 10)


def test_too_slow_a_start_is_told(child_of: StartChild):
    child = child_of("import time; time.sleep(60)")

    with pytest.raises(ServerFailed, match=r"the child was not ready after 0\.1 s"):
        child.await_fact(lambda: False, 0.1)


def test_what_can_not_be_started_is_told():
    with pytest.raises(ServerFailed, match=r"could not be started: .*No such file"):
        Child("the child", ["/nowhere/at/all"]).start()


def test_valkey_keeps_what_it_had_over_a_kill(tmp_path: Path):
    valkey = Valkey(tmp_path / "valkey", durable=True)
    try:
        child = valkey.start()
        with redis.Redis.from_url(valkey.url) as client:
            client.set("key", "value")
        child.send(signal.SIGKILL)
        child.wait(5)

        valkey.start(port=valkey.port)

        with redis.Redis.from_url(valkey.url) as client:
            assert client.get("key") == b"value"
    finally:
        valkey.stop()


def test_valkey_on_a_port_that_somebody_else_has_is_not_taken_for_ours(tmp_path: Path):
    first, second = Valkey(tmp_path / "first", durable=False), Valkey(tmp_path / "second", durable=False)
    try:
        first.start()

        with pytest.raises(ServerFailed, match="Valkey ended with exit code 1 while starting"):
            second.start(port=first.port)
    finally:
        first.stop()
        second.stop()
