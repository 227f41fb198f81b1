"""client-examples/typescript, compiled as its reader would, against a real server and worker."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tasks.api.cursors import write_event_cursor
from tests.e2e import node
from tests.e2e.support import Processes, wait_for

HERE = Path(__file__).parent / "typescript"
LATER_TYPE = "'AddNumbersTask', "
SEEN_BEFORE = 5
Told = dict[str, Any]


@pytest.fixture(scope="module")
def client(typescript: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the client with the scripts of these tests, compiled with the strictest of rules."""
    copy = node.copied(typescript, tmp_path_factory.mktemp("compiled") / "typescript")
    shutil.copytree(HERE, copy / "tests")
    possible = copy / "src" / "generated" / "possible-types.ts"
    text = possible.read_text()
    assert LATER_TYPE in text
    # To the caches alone, AddNumbersTask is a type that the server got after the code was generated.
    possible.write_text(text.replace(LATER_TYPE, ""))
    node.run(node.program("node"), "node_modules/typescript/bin/tsc", "-p", "tests", folder=copy)
    return copy


@pytest.fixture(scope="module")
def told(client: Path, processes: Processes) -> Told:
    """What each part of scenario.ts was told."""
    token = processes.api.register("typescript").token
    foreign = write_event_cursor(UUID(int=0), 1)
    return play(client, "scenario", f"{processes.base_url}/graphql", str(token), foreign)


def play(client: Path, script: str, *arguments: str) -> Told:
    printed = node.run(node.program("node"), f"build/tests/{script}.js", *arguments, folder=client)
    found: Told = json.loads(printed)
    return found


def test_a_task_is_run_to_its_typed_result_each_event_once(told: Told) -> None:
    assert told["aTaskToItsResult"] == {"versions": [1, 2, 3], "result": "evil"}
    assert told["aTaskWithoutAResult"] == "SUCCEEDED"


def test_a_late_subscriber_is_told_the_end_and_with_a_cursor_what_is_left(told: Told) -> None:
    late = told["aLateSubscriber"]

    assert late == {"answered": {"value": 5}, "kinds": ["SNAPSHOT"], "result": {"value": 5}, "after": []}


def test_twenty_five_tasks_share_one_socket(told: Told) -> None:
    assert told["manyOnOneSocket"] == {"sockets": 1, "right": 25}


def test_a_cancelled_and_a_failed_task_end_as_what_they_are(told: Told) -> None:
    assert told["aCancelledTask"] == ["QUEUED", "RUNNING", "CANCELLED"]
    assert told["aFailedTask"] == {"status": "FAILED", "failure": "EXCEPTION", "result": None}


def test_a_fault_in_the_arguments_is_data(told: Told) -> None:
    path = ["input", "task", "tellStory", "topic"]
    assert told["aFaultAsData"] == {
        "task": None,
        "errors": [{"__typename": "InvalidArguments", "code": "INVALID_ARGUMENTS", "path": path}],
    }
    assert told["aFaultWhileRunning"] == {
        "code": "BAD_USER_INPUT",
        "faults": [{"code": "INVALID_ARGUMENTS", "path": ["input", "task", "tellStory", "sentences"]}],
    }


def test_the_same_key_runs_one_task(told: Told) -> None:
    assert told["theSameKeyTwice"] is True


def test_a_token_that_expires_ends_it_as_a_refusal(told: Told) -> None:
    assert told["aTokenThatExpires"] == {"told": "SNAPSHOT", "fault": "UNAUTHENTICATED", "again": "UNAUTHENTICATED"}


def test_what_would_only_be_refused_again_is_not_sent_again(told: Told) -> None:
    assert told["aBadToken"] == ["UNAUTHENTICATED", "UNAUTHENTICATED"]
    assert told["anUnknownTask"] == "NOT_FOUND"
    assert told["aTaskOfAnotherType"] == "WRONG_TYPE"


def test_a_gap_is_told_and_a_snapshot_follows(told: Told) -> None:
    assert told["aGap"] == [["GAP", "EPOCH_CHANGED"], ["SNAPSHOT", "SUCCEEDED"]]


def test_a_signal_ends_it_from_outside(told: Told) -> None:
    assert told["anEndFromOutside"] == "Error: enough"


def test_it_goes_on_from_the_last_cursor_without_what_it_has_seen(told: Told) -> None:
    twice = told["whatComesTwiceAndAfterAGap"]

    assert twice["seen"] == ["SNAPSHOT 3", "EVENT 4", "EVENT 5", "GAP 9", "SNAPSHOT 2", "EVENT 3"]
    assert twice["asked"] == [None, "after EVENT 4", "after EVENT 5", "after EVENT 5"]
    first, second, third = twice["waits"]
    # The second failure came after a frame, so it counts as a first one.
    assert all(4 <= wait <= 8 for wait in (first, second))
    assert 8 <= third <= 16


@pytest.mark.parametrize("cache", ["apollo", "urql"])
def test_a_cache_keeps_a_list_live_also_with_a_task_type_that_it_never_heard_of(live_lists: Told, cache: str) -> None:
    shown = live_lists[cache]

    row = {"__typename": "AddNumbersTask", "type": "add_numbers", "status": "SUCCEEDED", "version": 3, "progress": None}
    assert live_lists["isKnown"] is False
    assert (shown["row"], shown["isIt"]) == (row, True)
    assert shown["isNewestFirst"] is True
    assert shown["wentBack"] is False
    nodes = shown["inFragments"]["tasks"]["nodes"]
    assert [found["type"] for found in nodes] == ["add_numbers", "reverse_string"]
    assert all({"id", "progress"} <= found.keys() for found in nodes)


@pytest.fixture(scope="module")
def live_lists(client: Path, processes: Processes) -> Told:
    """What the lists of caches.ts showed."""
    tokens = [str(processes.api.register(name).token) for name in ("apollo-list", "urql-list")]
    return play(client, "caches", f"{processes.base_url}/graphql", *tokens)


def test_the_pages_can_be_bundled(client: Path) -> None:
    node.run(node.program("npm"), "run", "pages", folder=client)

    assert {path.name for path in (client / "build" / "bundle").iterdir()} == {"apollo.js", "urql.js"}


def test_a_server_that_is_killed_costs_no_event_and_doubles_none(
    client: Path, processes: Processes, tmp_path: Path
) -> None:
    token = str(processes.api.register("storyteller").token)
    environment = {**os.environ, "TASKFEED_URL": f"{processes.base_url}/graphql", "TASKFEED_TOKEN": token}
    command = [node.program("node"), "build/src/watch.js", "--sentences", "14"]
    out, err = tmp_path / "out", tmp_path / "err"
    with (
        out.open("w") as printed,
        err.open("w") as said,
        subprocess.Popen(command, cwd=client, env=environment, stdout=printed, stderr=said) as running,
    ):
        try:
            wait_for(lambda: out.read_text().count("\n") > SEEN_BEFORE, what="the first lines")
            assert processes.server is not None
            processes.kill(processes.server)
            processes.await_server(processes.spawn_server())
            ended = running.wait(60)
        finally:
            running.kill()

    assert ended == 0
    assert "the socket was closed: 1006" in err.read_text()
    lines = out.read_text().splitlines()
    assert [int(line.split()[1]) for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1].endswith("SUCCEEDED 149 words")
