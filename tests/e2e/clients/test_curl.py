"""client-examples/curl/follow.sh, run as its reader would."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.support import Api, Processes

SCRIPT = Path(__file__).parents[3] / "client-examples" / "curl" / "follow.sh"

pytestmark = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")


def run(processes: Processes, token: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TASKFEED_URL": f"{processes.base_url}/graphql", "TASKFEED_TOKEN": token}
    return subprocess.run([str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_it_submits_and_follows_a_task_to_its_end(processes: Processes, api: Api) -> None:
    ended = run(processes, str(api.token))

    assert ended.returncode == 0, ended.stderr
    answer, *lines = ended.stdout.splitlines()
    task = json.loads(answer)["data"]["submitTask"]["task"]
    assert (task["status"], task["resultJson"]) == ("SUCCEEDED", {"text": "evil"})
    frames = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    assert frames[-1]["data"]["taskUpdated"]["task"]["status"] == "SUCCEEDED"


def test_a_bad_token_ends_it(processes: Processes) -> None:
    ended = run(processes, "bad")

    assert ended.returncode != 0
    assert "401" in ended.stderr
