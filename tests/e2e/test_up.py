"""`manage.py up` as a newcomer and as an operator meet it."""

import http.client
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from project.servers import Child, free_port
from tests.e2e.support import ROOT, Api, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

NOT_OURS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS", "DEBUG")


class Up:
    """One `manage.py up`."""

    def __init__(self, data_dir: Path, log: str = "up.log", **environment: str) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_name(log)
        self.log.unlink(missing_ok=True)
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
        self.child = Child("up", [sys.executable, ROOT / "manage.py", "up"])
        self.child.start(
            environment={**inherited, "DEBUG": "1", "DATA_DIR": str(data_dir), "PORT": "0", **environment},
            directory=ROOT,
            log=self.log,
        )

    @property
    def said(self) -> str:
        """All that it and its children have printed."""
        return self.log.read_text(errors="replace")

    @property
    def base_url(self) -> str:
        """Where it says that it is."""
        found = re.search(r"ready at (http://\S+)", self.said)
        assert found, self.said
        return found[1]

    @property
    def link(self) -> str:
        """The demo user's link that it has printed."""
        found = re.search(r"http://\S+/sign-in/\S+", self.said)
        assert found, self.said
        return found[0]

    def await_ready(self) -> "Up":
        """Return when it says so."""
        self.child.await_fact(lambda: "Ctrl-C stops it" in self.said, 120)
        return self

    def family(self) -> dict[int, str]:
        """The pids and commands of all processes of this run, found by DATA_DIR."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                # Valkey overwrites its environment with its title, but works in a folder of its own there.
                is_store = (process / "cwd").readlink().is_relative_to(self.data_dir)
                if is_store or f"DATA_DIR={self.data_dir}\0".encode() in (process / "environ").read_bytes():
                    found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue  # it has just ended, or is somebody else's
        return {pid: command for pid, command in found.items() if command}

    def pid_of(self, part: str) -> int:
        """The supervisor's own child with that in its command."""
        parent = f"\nPPid:\t{self.child.pid}\n"
        return next(
            pid
            for pid, command in self.family().items()
            if part in command and parent in Path(f"/proc/{pid}/status").read_text()
        )


@pytest.fixture
def up(data_dir: Path) -> Iterator[Callable[..., Up]]:
    """Start `manage.py up` with these additions to the environment; ended when the test is over."""
    started: list[Up] = []

    def start(**environment: str) -> Up:
        started.append(Up(data_dir, **environment))
        return started[-1]

    yield start
    for one in started:
        one.child.stop(60)
    wait_for(lambda: not any(one.family() for one in started), 30, "the end of the whole family")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One that is ready, for the tests that leave it running."""
    shared = Up(tmp_path_factory.mktemp("up") / "data")
    try:
        yield shared.await_ready()
    finally:
        shared.child.stop(60)


def test_link_signs_the_demo_user_in(running: Up):
    cookie = sign_in(running.link)

    viewer = ask(running.base_url, '{"query": "{ me { username } }"}', cookie)

    assert '"demo"' in viewer


def test_secret_key_is_kept_for_its_owner_alone(running: Up):
    key = running.data_dir / "secret_key"

    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_text()) >= 50


def test_second_supervisor_on_the_same_data_is_refused(running: Up):
    second = Up(running.data_dir, log="second.log")

    assert second.child.wait(60) == 2
    assert "another `manage.py up` runs on this DATA_DIR" in second.said
    assert running.child.is_running


@pytest.mark.faults
@pytest.mark.parametrize(
    ("victim", "name"),
    [
        pytest.param("project.worker", "the worker", id="worker"),
        pytest.param("project.server", "the server", id="server"),
        pytest.param("valkey-server", "the store", id="store"),
    ],
)
def test_child_that_dies_is_started_again_and_that_is_said(running: Up, victim: str, name: str):
    api = Api(running.base_url).register(f"user-{victim}")

    os.kill(running.pid_of(victim), signal.SIGKILL)
    wait_for(lambda: f"{name} has been started again" in running.said, 60, "the new start")
    task = api.submit({"reverseString": {"text": "abc"}}, wait_seconds=30)

    assert f"{name} was ended by SIGKILL" in running.said
    assert task["status"] == "SUCCEEDED"


def test_sigterm_ends_all_and_the_next_start_knows_the_tasks(up: Callable[..., Up]):
    first = up().await_ready()
    task = Api(first.base_url).register().submit({"reverseString": {"text": "abc"}}, wait_seconds=30)
    first.child.send(signal.SIGTERM)
    code = first.child.wait(60)
    family = first.family()

    second = up().await_ready()

    assert code == 0
    assert family == {}
    assert task["status"] == "SUCCEEDED"
    assert "migrating" not in second.said
    assert Api(second.base_url).login().task(task["id"])["status"] == "SUCCEEDED"


def test_two_interrupts_orphan_nothing(up: Callable[..., Up]):
    running = up().await_ready()

    running.child.send(signal.SIGINT)
    wait_for(lambda: "stopping" in running.said, what="the note that it stops")
    running.child.send(signal.SIGINT)
    code = running.child.wait(60)

    assert code == 0
    assert running.family() == {}


@pytest.mark.faults
def test_killed_supervisor_takes_everything_along(up: Callable[..., Up]):
    running = up().await_ready()
    assert len(running.family()) >= 5, "supervisor, store, worker, its children and the server"

    running.child.send(signal.SIGKILL)

    wait_for(lambda: not running.family(), 30, "the end of the whole family")


@pytest.mark.faults
def test_interrupt_while_starting_leaves_nothing(up: Callable[..., Up]):
    starting = up()
    wait_for(lambda: len(starting.family()) >= 2, what="the first child")

    starting.child.send(signal.SIGINT)

    assert starting.child.wait(60) == 0
    assert starting.family() == {}


def test_busy_port_is_said_in_one_line(up: Callable[..., Up]):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]

        refused = up(PORT=str(port))

        assert refused.child.wait(60) == 2
    assert refused.said.startswith(
        f"manage.py up: PORT {port} on 127.0.0.1 can't be listened on: Address already in use"
    )
    assert refused.said.count("\n") == 1


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        pytest.param({"DEBUG": "0"}, "SECRET_KEY is not set", id="no-secret-key"),
        pytest.param({"DEBUG": "0", "SECRET_KEY": "x" * 50}, "ALLOWED_HOSTS is not set", id="no-allowed-hosts"),
        pytest.param(
            {"DATABASE_URL": "postgres://nobody:secret@127.0.0.1:{port}/none"},
            "DATABASE_URL can't be reached: none at 127.0.0.1:",
            id="no-database",
        ),
        pytest.param({"REDIS_URL": "redis://127.0.0.1:{port}/0"}, "REDIS_URL can't be reached", id="no-redis"),
        pytest.param({"DATA_DIR": "/dev/null/data"}, "DATA_DIR can't be made: Not a directory", id="no-data-dir"),
        pytest.param({"DATA_DIR": "/proc"}, "DATA_DIR is not writable", id="no-right-to-write"),
        pytest.param({"HOST": "192.0.2.1"}, "on 192.0.2.1 can't be listened on", id="not-our-host"),
        pytest.param({"PORT": "70000"}, "PORT is 70000: expected 0 to 65535", id="no-such-port"),
        pytest.param(
            {"PORT": "http"},
            "can't be read: invalid literal for int() with base 10: 'http'",
            id="port-that-is-no-number",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_line(up: Callable[..., Up], environment: dict[str, str], line: str):
    port = str(free_port())

    refused = up(**{name: value.format(port=port) for name, value in environment.items()})

    assert refused.child.wait(60) not in (0, None)
    assert line in refused.said
    assert refused.said.count("\n") == 1
    assert "secret" not in refused.said


def sign_in(link: str) -> str:
    """Open the link and return the cookies that it sets."""
    address = urlsplit(link)
    with closing(http.client.HTTPConnection(address.netloc, timeout=10)) as connection:
        connection.request("GET", address.path)
        response = connection.getresponse()
        assert response.status in (302, 303), response.read()
        return "; ".join(cookie.partition(";")[0] for cookie in response.headers.get_all("Set-Cookie", []))


def ask(base_url: str, body: str, cookie: str) -> str:
    """Send a GraphQL request as a browser with that cookie does, and return the answer."""
    with closing(http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=10)) as connection:
        connection.request(
            "POST", "/graphql", body, {"Cookie": cookie, "Content-Type": "application/json", "Origin": base_url}
        )
        return connection.getresponse().read().decode()
