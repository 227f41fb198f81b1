"""client-examples/python/watch.py, run as its reader would, against a real server and worker."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.support import Api, Processes

EXAMPLE = Path(__file__).parents[2] / "client-examples" / "python" / "watch.py"


def run(url: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the example to its end, with nothing of ours in its environment."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TASKFEED_")}
    return subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), *arguments],
        env={**ours, "TASKFEED_URL": url, **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_it_logs_in_submits_and_prints_each_frame_up_to_the_result(processes: Processes) -> None:
    processes.api.register("grace")

    ended = run(
        f"{processes.base_url}/graphql",
        *("--username", "grace", "--password", "a long enough passphrase", "--limit", "100000000"),
    )

    assert ended.stderr == ""
    assert ended.returncode == 0
    submitted, first, *others = ended.stdout.splitlines()
    assert re.fullmatch(r"submitted [0-9a-f-]{36}", submitted)
    assert first.startswith("SNAPSHOT")
    assert re.match(r"EVENT +SUCCEEDED +\{'count': 5761455, 'largest': 99999989\}", others[-1])
    fractions = [float(found) for found in re.findall(r"RUNNING +\{'fraction': ([\d.]+)", ended.stdout)]
    assert fractions
    assert fractions == sorted(fractions)


def test_a_token_from_the_environment_does_as_well(processes: Processes, api: Api) -> None:
    ended = run(f"{processes.base_url}/graphql", "--limit", "10", TASKFEED_TOKEN=str(api.token))

    assert ended.returncode == 0
    assert "{'count': 4, 'largest': 7}" in ended.stdout.splitlines()[-1]


def test_a_wrong_password_and_a_refused_argument_are_told_and_fail(processes: Processes, api: Api) -> None:
    url = f"{processes.base_url}/graphql"

    wrong = run(url, "--username", "nobody", "--password", "guessed")
    refused = run(url, "--limit", "-1", TASKFEED_TOKEN=str(api.token))

    assert (wrong.returncode, refused.returncode) == (1, 1)
    assert wrong.stderr.startswith("refused: ")
    assert "countPrimes" in refused.stderr


def test_without_a_server_it_says_so_and_fails() -> None:
    ended = run("http://127.0.0.1:9/graphql", "--username", "grace", "--password", "secret")

    assert ended.returncode == 1
    assert "127.0.0.1:9" in ended.stderr
    assert "Traceback" not in ended.stderr
