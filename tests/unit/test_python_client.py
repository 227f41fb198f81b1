"""The generated part of client-examples/python: fresh, fit for a newer server, and typed for a new handler."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, validate
from pydantic import TypeAdapter, ValidationError
from taskfeed_client import documents, faults
from taskfeed_client.generated import task_types
from taskfeed_client.generated.types import (
    CountWordsInput,
    FrameEventBaseCatchAll,
    ReverseStringInput,
    TaskBase,
    TaskCatch,
    TaskInput,
    TaskStatus,
)
from taskfeed_client.task_type import TaskType
from taskfeed_client.updates import Update

ROOT = Path(__file__).parents[2]
PYTHON_CLIENT = ROOT / "client-examples" / "python"
SCHEMA = ROOT / "schema.graphql"
MODELS = [
    TaskCatch,
    *(found.task for found in vars(task_types).values() if isinstance(found, TaskType)),
]
TASK = {
    "__typename": "FoldPaperTask",
    "id": "1",
    "type": "fold_paper",
    "status": "FOLDED",
    "isFinal": False,
    "version": 4,
    "cursor": "c",
    "attempt": 1,
    "createdAt": "2030-01-01T00:00:00Z",
    "startedAt": None,
    "finishedAt": None,
    "cancelRequestedAt": None,
    "progress": None,
    "failure": {"code": "TORN", "message": "it tore"},
    "resultJson": None,
}


def _generate(schema: Path, folder: Path) -> None:
    command = [sys.executable, str(PYTHON_CLIENT / "generate_client.py"), str(schema), str(folder)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(PYTHON_CLIENT)})


def test_the_generated_code_is_what_the_schema_makes(tmp_path: Path) -> None:
    _generate(SCHEMA, tmp_path)

    committed = PYTHON_CLIENT / "taskfeed_client" / "generated"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in committed.glob("*.py"))
    for made in tmp_path.iterdir():
        assert made.read_bytes() == (committed / made.name).read_bytes(), "run `make codegen`"


@pytest.mark.parametrize("operation", [documents.watch, documents.run, documents.submit, documents.cancel])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.__name__))
def test_each_document_is_valid(operation: Any, model: type[TaskBase]) -> None:
    schema = build_schema(SCHEMA.read_text())

    assert validate(schema, parse(operation(model))) == []


def test_a_newer_server_breaks_nothing() -> None:
    """A task type, an event, a status, a failure code and a field that came after the client was generated."""
    event = {"__typename": "TaskFolded", "taskId": "1", "version": 4, "at": "2030-01-01T00:00:00Z", "attempt": 1}
    frame = {"kind": "EVENT", "cursor": "c", "gap": None, "task": TASK, "event": event, "folds": 3}

    update = Update[TaskCatch].model_validate(frame)

    assert update.task.typename == "FoldPaperTask"
    assert update.task.status == "FOLDED"
    assert not update.task.status.is_known
    assert update.task.failure is not None
    assert not update.task.failure.code.is_known
    assert isinstance(update.event, FrameEventBaseCatchAll)
    assert update.event.version == 4


def test_an_error_type_of_a_newer_server_is_still_read() -> None:
    refused = faults.Refused(
        [{"__typename": "Closed", "code": "CLOSED_TODAY", "message": "come back", "path": ["input"]}]
    )

    [mistake] = refused.mistakes
    assert (mistake.typename, mistake.code, mistake.path) == ("Closed", "CLOSED_TODAY", ["input"])
    assert refused.code == "CLOSED_TODAY"


def test_known_enum_members_are_themselves() -> None:
    assert TaskStatus("QUEUED") is TaskStatus.QUEUED
    assert TaskStatus.QUEUED.is_known
    with pytest.raises(ValueError, match="42"):
        TaskStatus(42)  # type: ignore[arg-type]  # what a checker refuses


def test_arguments_are_sent_below_the_one_field_of_their_type() -> None:
    """Both have one field `text`: the class says which is meant, and what is no arguments is refused."""
    adapter: TypeAdapter[Any] = TypeAdapter(TaskInput)

    assert adapter.dump_python(ReverseStringInput(text="a")) == {"reverseString": {"text": "a"}}
    assert adapter.dump_python(CountWordsInput(text="a")) == {"countWords": {"text": "a"}}
    with pytest.raises(ValidationError):
        ReverseStringInput.model_validate({})


USE = """
from taskfeed_client import Taskfeed
from taskfeed_client.generated.task_types import OVERSLEEP, STUMBLE
from taskfeed_client.generated.types import OversleepInput, StumbleInput


async def use(taskfeed: Taskfeed) -> int:
    async for update in taskfeed.run_task(STUMBLE, StumbleInput(failures=1)):
        if update.task.result is not None:
            return update.task.result.attempt
    return 0
"""
MISUSES = {
    "argument": ("failures=1", 'failures="one"', 'has incompatible type "str"; expected "int"'),
    "result": ("result.attempt", "result.attempts", 'has no attribute "attempts"'),
    "arguments of another type": (
        "StumbleInput(failures=1)",
        "OversleepInput(seconds=1)",
        '"ArgumentsT" of "run_task"',
    ),
}


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the client, generated from the schema of a server with handlers of another app."""
    folder = tmp_path_factory.mktemp("newer")
    exported = folder / "schema.graphql"
    command = [sys.executable, "manage.py", "export_schema", "tasks.api.schema:schema", "--path", str(exported)]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.e2e.settings"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    package = folder / "taskfeed_client"
    package.mkdir()
    for module in (PYTHON_CLIENT / "taskfeed_client").glob("*.*"):
        (package / module.name).write_bytes(module.read_bytes())
    _generate(exported, package / "generated")
    return folder


def test_a_new_handler_has_a_typed_client_and_its_misuse_is_found(newer: Path) -> None:
    expected = {f"misuse{number}.py": misuse for number, misuse in enumerate(MISUSES.values())}
    (newer / "use.py").write_text(USE)
    for name, (right, wrong, _) in expected.items():
        (newer / name).write_text(USE.replace(right, wrong))

    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(newer / "cache"), "use.py", *expected]
    checked = subprocess.run(command, cwd=newer, capture_output=True, text=True, check=False)

    faulty = [line for line in checked.stdout.splitlines() if ": error:" in line]
    assert {line.partition(":")[0] for line in faulty} == set(expected), checked.stdout + checked.stderr
    for name, (_, _, error) in expected.items():
        assert any(line.startswith(f"{name}:") and error in line for line in faulty), checked.stdout
