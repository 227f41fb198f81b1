"""A server with a worker to be fuzzed, and what must hold after every case."""

import json
import os
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings

from tests.e2e.support import Api, Databases, Processes

SECONDS = float(os.environ.get("FUZZ_SECONDS", "12"))
"""For all fuzzing together, without the start of the server."""
ANSWER_SECONDS = 20.0
"""Whatever takes longer hangs."""
FEW = settings(
    max_examples=25,
    deadline=None,
    database=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


class Target:
    """The server, and what it may never do."""

    def __init__(self, processes: Processes, api: Api) -> None:
        self.processes = processes
        self.api = api
        self._read = 0

    @property
    def url(self) -> str:
        """Where both doors are."""
        return f"{self.api.base_url}/graphql"

    def check(self, status: int, content_type: str, body: bytes) -> None:
        """Judge one answer: no fault of the server's, and never HTML but for the explorer's page."""
        assert 200 <= status < 500, (status, body)
        kind = content_type.partition(";")[0]
        if kind in ("application/json", "application/graphql-response+json"):
            for error in json.loads(body).get("errors", ()) if body else ():
                assert error["extensions"]["code"] != "INTERNAL", error
        elif kind == "text/html":
            assert status == 200, body
        else:
            assert kind in ("text/event-stream", ""), (kind, body)

    def answers_as_ever(self) -> None:
        """Ask a plain query; and look whether the last case has left a traceback in the log."""
        assert self.api.post({"query": "{ __typename }"}) == {"data": {"__typename": "Query"}}
        assert self.processes.server is not None
        log = self.processes.log_of(self.processes.server)
        news, self._read = log[self._read :], len(log)
        assert "Traceback" not in news, news[-5000:]


@pytest.fixture(scope="package")
def target(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server whose waits are short and whose limits are low."""
    running = Processes(
        tmp_path_factory.mktemp("fuzz"), databases.make(), MAX_WAIT_SECONDS="0.1", MAX_BODY_BYTES="65536"
    )
    try:
        running.start()
        yield Target(running, running.api.register("ada"))
    finally:
        running.stop()


def for_a_while(share: float, test: Callable[[], None]) -> None:
    """Run a Hypothesis test again and again, each time from another seed, for a share of the time that there is."""
    deadline = time.monotonic() + share * SECONDS
    first = time.time_ns()
    for number in range(1_000_000):
        seed(first + number)(test)()
        if time.monotonic() > deadline:
            return
